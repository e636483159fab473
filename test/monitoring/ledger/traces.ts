/** From a panel to the request behind it and back, checked at each step against what the load itself was told. */
import { METRICS, prometheusName } from '../../../src/telemetry/metrics/catalogue.ts'
import { BATCH_SPAN } from '../../../src/telemetry/tracing/span-attributes.ts'
import type { OtlpSpan } from '../../support/telemetry/otlp-receiver.ts'
import type { Exemplar } from '../api.ts'
import type { StoredSpan } from '../jaeger.ts'
import type { Identity } from '../providers.ts'
import { panelOf } from '../queries.ts'
import type { Routes } from '../routes.ts'
import type { Entry } from './audit.ts'
import type { BatchEntry, Books } from './books.ts'

/** The ids that were exported, and the links between them. */
export async function auditTraces(routes: Routes, who: Identity, books: Books, now: number): Promise<Entry[]> {
  const spans = routes.traces.spansOf(who.job)
  const batches = books.batches.map((batch) => problemsOf(batch, spans, books))
  const requests = books.requests.map(({ spanId, name }) => {
    const span = spans.get(spanId)
    const carriers = books.batches.filter((batch) => batch.requests.includes(spanId)).map((batch) => batch.spanId)
    return span === undefined ? [`${name} ${spanId}: no such span came`] : differing(name, linked(span), carriers)
  })
  return [
    entry('batch spans, each linked to its requests', books.batches.length, batches),
    entry('request spans, each linked to its batches', books.requests.length, requests),
    await exemplars(routes, who, books, now),
    await thereAndBack(routes, books, now),
  ]
}

function entry(question: string, ledger: number, problems: readonly (readonly string[])[]): Entry {
  const right = problems.filter(({ length }) => length === 0).length
  return { question, ledger: String(ledger), values: { traces: right }, problems: problems.flat() }
}

/** A batch of one request is its child, any other is linked to all of them. */
function problemsOf(batch: BatchEntry, spans: ReadonlyMap<string, OtlpSpan>, { requests }: Books): string[] {
  const span = spans.get(batch.spanId)
  const name = `${BATCH_SPAN} ${batch.table}`
  if (span === undefined) return [`${name} ${batch.spanId}: no such span came`]
  const known = new Set(requests.map(({ spanId }) => spanId))
  const origins = span.parentSpanId === '' ? linked(span) : [span.parentSpanId]
  const strange = origins.filter((id) => !known.has(id)).map((id) => `${name}: linked to ${id}, which is no request`)
  const ids =
    span.traceId === batch.traceId && span.name === name ? [] : [`${name}: came as ${span.name} ${span.traceId}`]
  return [...ids, ...strange, ...differing(name, origins, batch.requests)]
}

function linked({ links }: OtlpSpan): string[] {
  return links.map(({ spanId }) => spanId)
}

function differing(name: string, found: readonly string[], wanted: readonly string[]): string[] {
  const missing = wanted.filter((id) => !found.includes(id))
  const extra = found.filter((id) => !wanted.includes(id))
  if (missing.length + extra.length === 0) return []
  return [`${name}: links lack ${missing.join() || 'nothing'} and have ${extra.join() || 'nothing'} beyond the ledger`]
}

/** Every exemplar must be of a batch that the load knows, of this table, as long as that batch took. */
async function exemplars({ api, traces }: Routes, who: Identity, books: Books, now: number): Promise<Entry> {
  const name = prometheusName(METRICS.executeDuration)
  const found = await api.direct.exemplars(
    `${name}_bucket{job="${who.job}", instance="127.0.0.1:${who.page}"}`,
    now - 600,
    now,
  )
  const spans = traces.spansOf(who.job)
  const problems = found.flatMap(({ seriesLabels, exemplars }) =>
    exemplars.map((exemplar) => wrongWith(exemplar, seriesLabels['table'] ?? '', books, spans)),
  )
  const question = 'exemplars, each of a batch of its table and duration'
  if (problems.length === 0) problems.push(['exemplars: there are none'])
  return { ...entry(question, problems.length, problems), values: { direct: problems.length } }
}

function wrongWith(
  { labels, value }: Exemplar,
  table: string,
  { batches, late }: Books,
  spans: ReadonlyMap<string, OtlpSpan>,
): string[] {
  const { trace_id: traceId = '', span_id: spanId = '' } = labels
  const batch = batches.find((one) => one.spanId === spanId)
  const span = spans.get(spanId)
  if (span?.traceId !== traceId || batch?.traceId !== traceId) return [`exemplar ${traceId} ${spanId}: no such span`]
  if (batch.table !== table) return [`exemplar ${spanId}: of ${batch.table}, on a series of ${table}`]
  const isClose = Math.abs(value - batch.executed) <= Math.max(0.05, ...late) + 0.02 * batch.executed
  return isClose ? [] : [`exemplar ${spanId}: says ${value} s, the ledger ${batch.executed} s`]
}

/** What a person does: a panel's dot, its trace in the store, the requests behind it, and their links back to the batch. */
async function thereAndBack({ api, store }: Routes, books: Books, now: number): Promise<Entry> {
  const question = 'panel → exemplar → trace → request → batch, in the trace store'
  const { title, exprs } = panelOf(prometheusName(METRICS.executeDuration))
  const found = (await Promise.all(exprs.map((expr) => api.direct.exemplars(expr, now - 600, now)))).flat()
  const ids = new Set(found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels['span_id'] ?? '')))
  const walked = books.batches.filter(({ spanId, requests }) => ids.has(spanId) && requests.length > 0)
  const problems = await Promise.all(walked.map((batch) => walk(store.trace.bind(store), batch)))
  if (walked.length === 0) problems.push([`${title}: no exemplar leads to a batch of a request`])
  return { ...entry(question, walked.length, problems), question: `“${title}”: ${question}` }
}

async function walk(load: (id: string) => Promise<StoredSpan[]>, batch: BatchEntry): Promise<string[]> {
  const span = (await load(batch.traceId)).find(({ spanID }) => spanID === batch.spanId)
  if (span === undefined) return [`the trace store has no span ${batch.spanId} of ${batch.table}`]
  const problems = batch.requests.map(async (id) => {
    const reference = span.references.find(({ spanID }) => spanID === id)
    if (reference === undefined) return [`in the trace store ${batch.spanId} does not lead to its request ${id}`]
    const request = (await load(reference.traceID)).find(({ spanID }) => spanID === id)
    const isBack = request?.references.some(({ spanID }) => spanID === batch.spanId) ?? false
    return isBack ? [] : [`in the trace store the request ${id} does not lead to its batch ${batch.spanId}`]
  })
  return (await Promise.all(problems)).flat()
}
