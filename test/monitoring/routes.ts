/**
 * A Prometheus for each route, with the committed configuration: this package's page, the SDK's own Prometheus exporter, a
 * Collector, and Prometheus' OTLP receiver. Beside them one that is set up for the Go library's guides, and a trace store.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PrometheusApi } from './api.ts'
import { type Daemon, freePorts, startDaemon } from './daemon.ts'
import { GUIDES_RELABELLING, GUIDES_RULES } from './go-guides.ts'
import { JaegerApi } from './jaeger.ts'
import type { Identity } from './providers.ts'
import type { Tools } from './tools.ts'
import { startTraceSink, type TraceSink } from './trace-sink.ts'

export const ROUTES = ['direct', 'exporter', 'collector', 'otlp'] as const

export type Route = (typeof ROUTES)[number]

/** Addresses that metrics and traces are sent to, by OTLP over HTTP. */
export interface Otlp {
  readonly collector: string
  readonly prometheus: string
  readonly traces: string
}

export interface Routes {
  readonly api: Readonly<Record<Route, PrometheusApi>>
  /** Scrapes this package's page as the section for users of the Go library says. */
  readonly guides: PrometheusApi
  readonly otlp: Otlp
  /** What came out of the Collector for the trace store. */
  readonly traces: TraceSink
  readonly store: JaegerApi
  stop(): Promise<void>
}

const COLLECTOR = join(import.meta.dirname, '../../collector')
/** A process that ended is forgotten by the Collector after so long; five minutes as committed. */
export const EXPIRATION_S = 8

/** @param processes that are scraped, now or later */
export async function startRoutes(tools: Tools, processes: readonly Identity[]): Promise<Routes> {
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-monitoring-'))
  const ports = await freePorts(13)
  const [grpc = 0, http = 0, metrics = 0, health = 0, direct = 0, exporter = 0, scraped = 0, pushed = 0] = ports
  const [guides = 0, otlp = 0, query = 0, queryGrpc = 0, storeHealth = 0] = ports.slice(8)
  const traces = await startTraceSink()
  const daemons: Daemon[] = []
  const start = async (...parameters: Parameters<typeof startDaemon>) => {
    daemons.push(await startDaemon(...parameters))
  }
  const prometheus = (name: string, port: number, text: string, ...more: string[]) =>
    start(...command(tools, folder, name, port, text, more))
  const stop = async () => {
    await Promise.all(daemons.map((daemon) => daemon.stop()))
    await traces.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  const overrides = join(folder, 'collector.yaml')
  writeFileSync(overrides, collectorOverrides(otlp))
  const pages = jobs(processes, ({ page }) => page)
  const exporters = jobs(processes, (process) => process.exporter)
  try {
    await start(tools.jaeger, ['--config', join(import.meta.dirname, 'jaeger.yaml')], at(storeHealth, '/status'), {
      JAEGER_OTLP: `127.0.0.1:${otlp}`,
      JAEGER_QUERY: `127.0.0.1:${query}`,
      JAEGER_GRPC: `127.0.0.1:${queryGrpc}`,
      JAEGER_HEALTH: `127.0.0.1:${storeHealth}`,
    })
    await Promise.all([
      start(tools.otelcol, ['--config', join(COLLECTOR, 'collector.yaml'), '--config', overrides], at(health), {
        OTLP_GRPC: `127.0.0.1:${grpc}`,
        OTLP_HTTP: `127.0.0.1:${http}`,
        METRICS: `127.0.0.1:${metrics}`,
        HEALTH: `127.0.0.1:${health}`,
        TRACE_STORE: `127.0.0.1:${traces.port}`,
      }),
      prometheus('direct', direct, scraping('direct', pages)),
      prometheus('exporter', exporter, scraping('direct', exporters)),
      prometheus('collector', scraped, committed('collector').replace(/localhost:\d+/, `127.0.0.1:${metrics}`)),
      prometheus('otlp', pushed, committed('otlp'), '--web.enable-otlp-receiver'),
      prometheus('guides', guides, forGuides(folder, pages)),
    ])
  } catch (error) {
    await stop()
    throw error
  }
  const api = (port: number) => new PrometheusApi(at(port))
  const scrapers = [direct, exporter, scraped, guides].map(api)
  await Promise.all(scrapers.map((prometheus) => begun(prometheus)))
  return {
    api: { direct: api(direct), exporter: api(exporter), collector: api(scraped), otlp: api(pushed) },
    guides: api(guides),
    otlp: {
      collector: at(http, '/v1/metrics'),
      traces: at(http, '/v1/traces'),
      prometheus: at(pushed, '/api/v1/otlp/v1/metrics'),
    },
    traces,
    store: new JaegerApi(at(query)),
    stop,
  }
}

/** A Prometheus that has just started takes five seconds until its first scrape. */
async function begun(prometheus: PrometheusApi): Promise<void> {
  while ((await prometheus.query('up', Date.now() / 1000)).length === 0) await sleep(200)
}

function at(port: number, path = ''): string {
  return `http://127.0.0.1:${port}${path}`
}

function command(
  tools: Tools,
  folder: string,
  name: string,
  port: number,
  text: string,
  more: readonly string[],
): [string, string[], string] {
  const data = join(folder, name)
  mkdirSync(data)
  const file = join(folder, `${name}.yml`)
  writeFileSync(file, text)
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${data}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--enable-feature=exemplar-storage',
    '--log.level=warn',
    ...more,
  ]
  return [tools.prometheus, args, at(port, '/-/ready')]
}

/** The committed file with shorter intervals. */
function committed(name: 'direct' | 'collector' | 'otlp'): string {
  const text = readFileSync(join(COLLECTOR, `prometheus/${name}.yml`), 'utf8')
  return changed(text, [
    [/rules\/\*\.yml/, join(COLLECTOR, 'prometheus/rules/*.yml')],
    [/evaluation_interval: 15s/, 'evaluation_interval: 1s'],
    ...(name === 'otlp' ? [] : [[/scrape_interval: 15s/, 'scrape_interval: 1s'] as const]),
  ])
}

/** The committed file with other jobs. */
function scraping(name: 'direct', scrapes: string): string {
  return changed(committed(name), [[/scrape_configs:[\s\S]+$/, `scrape_configs:\n${scrapes}`]])
}

/** As `direct`, with what docs/monitoring.md adds for the Go library's guides. */
function forGuides(folder: string, scrapes: string): string {
  const file = join(folder, 'go-guides-rules.yml')
  writeFileSync(file, GUIDES_RULES)
  const relabelled = scrapes.replaceAll(/^ {4}static_configs:/gm, `${GUIDES_RELABELLING}\n    static_configs:`)
  return changed(scraping('direct', relabelled), [[/^rule_files:\n/m, `rule_files:\n  - ${file}\n`]])
}

function jobs(processes: readonly Identity[], portOf: (process: Identity) => number): string {
  const names = [...new Set(processes.map(({ job }) => job))]
  const targets = (name: string) =>
    processes.filter(({ job }) => job === name).map((process) => `127.0.0.1:${portOf(process)}`)
  return names
    .map((name) => `  - job_name: ${name}\n    static_configs:\n      - targets: [${targets(name).join(', ')}]\n`)
    .join('')
}

/** Traces go to the trace store, too, and what is gone is forgotten sooner. */
function collectorOverrides(store: number): string {
  return `
exporters:
  prometheus:
    metric_expiration: ${EXPIRATION_S}s
  otlp/store:
    endpoint: 127.0.0.1:${store}
    tls:
      insecure: true
service:
  pipelines:
    traces:
      exporters: [otlp/traces, otlp/store]
`
}

function changed(text: string, changes: readonly (readonly [RegExp, string])[]): string {
  return changes.reduce((result, [what, by]) => {
    if (!what.test(result)) throw new Error(`a configuration has no ${what.source}`)
    return result.replace(what, () => by)
  }, text)
}
