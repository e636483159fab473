/** Three Prometheus servers, one per route, with the committed configuration, and a Collector for the second route. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PrometheusApi } from './api.ts'
import { type Daemon, freePorts, startDaemon } from './daemon.ts'
import type { Tools } from './tools.ts'
import { startTraceSink, type TraceSink } from './trace-sink.ts'

export const ROUTES = ['direct', 'collector', 'otlp'] as const

export type Route = (typeof ROUTES)[number]

/** As the application is named in every route. */
export const JOB = 'my-service'

export interface Routes {
  readonly api: Readonly<Record<Route, PrometheusApi>>
  /** OTLP/HTTP addresses that metrics and traces are sent to. */
  readonly otlp: { readonly collector: string; readonly prometheus: string; readonly traces: string }
  /** What came out of the Collector for the trace store. */
  readonly traces: TraceSink
  stop(): Promise<void>
}

const COLLECTOR = join(import.meta.dirname, '../../collector')

/** @param page port of the application's metrics page */
export async function startRoutes(tools: Tools, page: number): Promise<Routes> {
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-monitoring-'))
  const [grpc = 0, http = 0, metrics = 0, health = 0, direct = 0, scraped = 0, pushed = 0] = await freePorts(7)
  const traces = await startTraceSink()
  const daemons: Daemon[] = []
  const start = async (...parameters: Parameters<typeof startDaemon>) => {
    daemons.push(await startDaemon(...parameters))
  }
  const prometheus = (route: Route, port: number, target: number) =>
    start(...command(tools, folder, route, port, target))
  const stop = async () => {
    await Promise.all(daemons.map((daemon) => daemon.stop()))
    await traces.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await Promise.all([
      start(tools.otelcol, ['--config', join(COLLECTOR, 'collector.yaml')], `http://127.0.0.1:${health}`, {
        OTLP_GRPC: `127.0.0.1:${grpc}`,
        OTLP_HTTP: `127.0.0.1:${http}`,
        METRICS: `127.0.0.1:${metrics}`,
        HEALTH: `127.0.0.1:${health}`,
        TRACE_STORE: `127.0.0.1:${traces.port}`,
      }),
      prometheus('direct', direct, page),
      prometheus('collector', scraped, metrics),
      prometheus('otlp', pushed, 0),
    ])
  } catch (error) {
    await stop()
    throw error
  }
  const api = (port: number) => new PrometheusApi(`http://127.0.0.1:${port}`)
  return {
    api: { direct: api(direct), collector: api(scraped), otlp: api(pushed) },
    otlp: {
      collector: `http://127.0.0.1:${http}/v1/metrics`,
      traces: `http://127.0.0.1:${http}/v1/traces`,
      prometheus: `http://127.0.0.1:${pushed}/api/v1/otlp/v1/metrics`,
    },
    traces,
    stop,
  }
}

function command(tools: Tools, folder: string, route: Route, port: number, target: number): [string, string[], string] {
  const data = join(folder, route)
  mkdirSync(data)
  const file = join(folder, `${route}.yml`)
  writeFileSync(file, configuration(route, target))
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${data}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--enable-feature=exemplar-storage',
    '--log.level=warn',
  ]
  if (route === 'otlp') args.push('--web.enable-otlp-receiver')
  return [tools.prometheus, args, `http://127.0.0.1:${port}/-/ready`]
}

/** The committed file with other ports and shorter intervals. */
function configuration(route: Route, target: number): string {
  const text = readFileSync(join(COLLECTOR, `prometheus/${route}.yml`), 'utf8')
  const changes: [RegExp, string][] = [
    [/rules\/\*\.yml/, join(COLLECTOR, 'prometheus/rules/*.yml')],
    [/evaluation_interval: 15s/, 'evaluation_interval: 1s'],
  ]
  if (route !== 'otlp')
    changes.push([/scrape_interval: 15s/, 'scrape_interval: 1s'], [/localhost:\d+/, `127.0.0.1:${target}`])
  return changes.reduce((result, [what, by]) => {
    if (!what.test(result)) throw new Error(`collector/prometheus/${route}.yml has no ${what.source}`)
    return result.replace(what, by)
  }, text)
}
