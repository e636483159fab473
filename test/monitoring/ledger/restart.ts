/** What only shows over time: a counter that begins anew, a process that is gone. */
import { METRICS, prometheusName } from '../../../src/telemetry/metrics/catalogue.ts'
import type { Identity } from '../providers.ts'
import { EXPIRATION_S, ROUTES, type Route, type Routes } from '../routes.ts'
import { type Entry, seriesOf } from './audit.ts'
import { type Books, TEST_NAME } from './books.ts'

/** How long after its last sample a process is still answered for, at most, and why. */
const GONE_AFTER_S: Readonly<Record<Route, number>> = {
  direct: 3, // a scrape that fails ends its series
  exporter: 3,
  collector: EXPIRATION_S + 3, // metric_expiration
  otlp: 300 + 3, // nothing says that it ended: Prometheus looks back for five minutes
}

/** The rows committed in two lives of a process: the second commits fewer, so that its counters fall. */
export async function auditRestart(
  routes: Routes,
  who: Identity,
  lives: readonly Books[],
  time: number,
): Promise<Entry> {
  const name = prometheusName(METRICS.records)
  const ledger = lives.reduce((sum, books) => sum + committedRows(books), 0)
  const values: Record<string, number> = {}
  for (const route of ROUTES) {
    const selector = seriesOf(who, route).replace('batchflow_.+', name).replace('}', ', status="success"}')
    const series = await routes.api[route].range(`${selector}[10m]`, time)
    values[route] = series.reduce((sum, samples) => sum + grown(samples), 0)
  }
  const problems = ROUTES.filter((route) => values[route] !== ledger).map(
    (route) => `${name} over a restart: ${route} has ${values[route]}, the ledger ${ledger}`,
  )
  return { question: `${name}, over a restart`, ledger: String(ledger), values, problems }
}

/** All processes of a job together. */
export async function auditTogether(
  routes: Routes,
  job: string,
  lives: readonly Books[],
  time: number,
): Promise<Entry> {
  const name = prometheusName(METRICS.records)
  const ledger = lives.reduce((sum, books) => sum + settledRows(books), 0)
  const values: Record<string, number> = {}
  for (const route of ROUTES) {
    const [sample] = await routes.api[route].query(
      `sum by (job) (${name}{job="${job}", test_name="${TEST_NAME}"})`,
      time,
    )
    values[route] = sample?.value ?? 0
  }
  const problems = ROUTES.filter((route) => values[route] !== ledger).map(
    (route) => `${name} of ${lives.length} processes: ${route} has ${values[route]}, the ledger ${ledger}`,
  )
  return { question: `${name}, of ${lives.length} processes`, ledger: String(ledger), values, problems }
}

/** @param gone when the process ended, in seconds since the epoch; by now its scrapes have failed */
export async function auditGone(routes: Routes, who: Identity, gone: number): Promise<Entry> {
  const values: Record<string, number> = {}
  const problems: string[] = []
  for (const route of ROUTES) {
    const count = async (time: number) => (await routes.api[route].query(seriesOf(who, route), time)).length
    values[route] = await count(gone + GONE_AFTER_S[route])
    if (values[route] !== 0) problems.push(`a process that is gone: ${route} has ${values[route]} series of it`)
  }
  return { question: 'series of a process that is gone, once stale', ledger: '0', values, problems }
}

function committedRows({ batches }: Books): number {
  return batches.reduce((sum, { committed, quiet, reason }) => sum + committed + (reason === undefined ? quiet : 0), 0)
}

function settledRows({ tables }: Books): number {
  return tables.reduce((sum, { accepted }) => sum + accepted, 0)
}

/** As `increase()`, without its extrapolation: a value below the one before it has begun at 0 again. */
export function grown(samples: readonly number[]): number {
  return samples.reduce((sum, value, i) => sum + value - (value < (samples[i - 1] ?? 0) ? 0 : (samples[i - 1] ?? 0)), 0)
}
