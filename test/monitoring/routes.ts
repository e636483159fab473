/**
 * A Prometheus for each route, with the committed configuration: this package's page, the SDK's own Prometheus exporter, a
 * Collector, and Prometheus' OTLP receiver. Beside them one that is set up for the Go library's guides, and a trace store.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PrometheusApi } from './api.ts'
import { type Daemon, freePorts, startDaemon } from './daemon.ts'
import { GUIDES_RELABELLING, GUIDES_RULES } from './go-guides.ts'
import { JaegerApi } from './jaeger.ts'
import { at, COLLECTOR, changed, committed, jobs, type Program, scraping, server } from './prometheus-server.ts'
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

/** A process that ended is forgotten by the Collector after so long; five minutes as committed. */
export const EXPIRATION_S = 8

/** Every port that is listened on. */
const PORTS = [
  'grpc',
  'http',
  'metrics',
  'health',
  'direct',
  'exporter',
  'collector',
  'otlp',
  'guides',
  'store',
  'query',
  'queryGrpc',
  'storeHealth',
] as const

type Ports = Readonly<Record<(typeof PORTS)[number], number>>

/** @param processes that are scraped, now or later */
export async function startRoutes(tools: Tools, processes: readonly Identity[]): Promise<Routes> {
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-monitoring-'))
  const free = await freePorts(PORTS.length)
  const ports = Object.fromEntries(PORTS.map((name, i) => [name, free[i]])) as Ports
  const traces = await startTraceSink()
  const daemons: Daemon[] = []
  const start = async (program: Program) => void daemons.push(await startDaemon(...program))
  const stop = async () => {
    await Promise.all(daemons.map((daemon) => daemon.stop()))
    await traces.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await start(traceStore(tools, ports))
    const programs = [collector(tools, folder, ports, traces.port), ...servers(tools, folder, ports, processes)]
    await Promise.all(programs.map(start))
    const api = (name: Route | 'guides') => new PrometheusApi(at(ports[name]))
    await Promise.all((['direct', 'exporter', 'collector', 'guides'] as const).map((name) => begun(api(name))))
    return {
      api: { direct: api('direct'), exporter: api('exporter'), collector: api('collector'), otlp: api('otlp') },
      guides: api('guides'),
      otlp: {
        collector: at(ports.http, '/v1/metrics'),
        traces: at(ports.http, '/v1/traces'),
        prometheus: at(ports.otlp, '/api/v1/otlp/v1/metrics'),
      },
      traces,
      store: new JaegerApi(at(ports.query)),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function traceStore({ jaeger }: Tools, { store, query, queryGrpc, storeHealth }: Ports): Program {
  const args = ['--config', join(import.meta.dirname, 'jaeger.yaml')]
  return [
    jaeger,
    args,
    at(storeHealth, '/status'),
    {
      JAEGER_OTLP: `127.0.0.1:${store}`,
      JAEGER_QUERY: `127.0.0.1:${query}`,
      JAEGER_GRPC: `127.0.0.1:${queryGrpc}`,
      JAEGER_HEALTH: `127.0.0.1:${storeHealth}`,
    },
  ]
}

function collector({ otelcol }: Tools, folder: string, ports: Ports, traces: number): Program {
  const overrides = join(folder, 'collector.yaml')
  writeFileSync(overrides, collectorOverrides(ports.store))
  return [
    otelcol,
    ['--config', join(COLLECTOR, 'collector.yaml'), '--config', overrides],
    at(ports.health),
    {
      OTLP_GRPC: `127.0.0.1:${ports.grpc}`,
      OTLP_HTTP: `127.0.0.1:${ports.http}`,
      METRICS: `127.0.0.1:${ports.metrics}`,
      HEALTH: `127.0.0.1:${ports.health}`,
      TRACE_STORE: `127.0.0.1:${traces}`,
    },
  ]
}

/** A Prometheus for each route, and the one for the guides. */
function servers(tools: Tools, folder: string, ports: Ports, processes: readonly Identity[]): Program[] {
  const pages = jobs(processes.map(({ job, page }) => ({ job, port: page })))
  const exporters = jobs(processes.map(({ job, exporter }) => ({ job, port: exporter })))
  const scraped = committed('collector').replace(/localhost:\d+/, `127.0.0.1:${ports.metrics}`)
  return [
    server(tools, folder, 'direct', ports.direct, scraping(committed('direct'), pages)),
    server(tools, folder, 'exporter', ports.exporter, scraping(committed('direct'), exporters)),
    server(tools, folder, 'collector', ports.collector, scraped),
    server(tools, folder, 'otlp', ports.otlp, committed('otlp'), '--web.enable-otlp-receiver'),
    server(tools, folder, 'guides', ports.guides, forGuides(folder, pages)),
  ]
}

/** A Prometheus that has just started takes five seconds until its first scrape. */
async function begun(prometheus: PrometheusApi): Promise<void> {
  while ((await prometheus.query('up', Date.now() / 1000)).length === 0) await sleep(200)
}

/** As `direct`, with what docs/monitoring.md adds for the Go library's guides. */
function forGuides(folder: string, scrapes: string): string {
  const file = join(folder, 'go-guides-rules.yml')
  writeFileSync(file, GUIDES_RULES)
  const relabelled = scrapes.replaceAll(/^ {4}static_configs:/gm, `${GUIDES_RELABELLING}\n    static_configs:`)
  return changed(scraping(committed('direct'), relabelled), [[/^rule_files:\n/m, `rule_files:\n  - ${file}\n`]])
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
