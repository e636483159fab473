import { metrics } from '@opentelemetry/api'
import { MeterProvider, type MeterProviderOptions } from '@opentelemetry/sdk-metrics'
import { OptionError } from '../errors.ts'
import { type MetricsServer, serveMetrics } from './metrics-server.ts'
import { ScrapeReader } from './scrape-reader.ts'

/** `resource` and `views` are those of the `MeterProvider`. */
export interface PrometheusOptions extends Pick<MeterProviderOptions, 'resource' | 'views'> {
  /** TCP port, 0 to 65535; 0 finds a free one. @default 9464 */
  readonly port?: number | undefined
  /**
   * Address to listen on. The default is reached from this machine only, as the OpenTelemetry specification has it: the
   * page needs no password and names your tables. In a container, where Prometheus is another machine, it must be
   * `'0.0.0.0'` (or `'::'`).
   *
   * @default '127.0.0.1'
   */
  readonly host?: string | undefined
  /**
   * Makes the provider the global one, where `new OtelMetricsReporter()` finds it. One that was registered before stays;
   * then a process warning says so, and the provider returned here has to be passed on by hand.
   *
   * @default true
   */
  readonly setGlobal?: boolean | undefined
  /** Whether a process that has nothing else to do may exit while the server listens. @default true */
  readonly unref?: boolean | undefined
}

export interface PrometheusEndpoint {
  /** Of the metrics page, to be opened on this machine: `http://127.0.0.1:9464/metrics`. */
  readonly url: string
  /** The port listened on. */
  readonly port: number
  readonly meterProvider: MeterProvider
  /**
   * Closes the server and its connections, shuts the provider down and, when it is the global one, takes it back. May be
   * called again; all calls resolve when the first has done its work. Flows made before go on, unobserved.
   */
  stop(): Promise<void>
}

/**
 * Metrics for an application that has no OpenTelemetry set-up: a `MeterProvider` and a page `GET /metrics` for Prometheus.
 * Call it before `new BatchFlow`. Needs `@opentelemetry/sdk-metrics` and `@opentelemetry/exporter-prometheus`.
 *
 * A failing scrape is answered with status 500 and logged by `diag`; the flows never notice.
 *
 * @throws {OptionError} naming the option and the value it received
 * @throws {BatchFlowError} `ERR_BATCHFLOW_PORT` when the port is taken or the address cannot be listened on
 */
export async function startPrometheus(options: PrometheusOptions = {}): Promise<PrometheusEndpoint> {
  const { host, port, setGlobal, unref } = validated(options)
  const { resource, views } = options
  const reader = new ScrapeReader()
  const meterProvider = new MeterProvider({
    readers: [reader],
    ...(resource !== undefined && { resource }),
    ...(views !== undefined && { views }),
  })
  const server = await serveMetrics({ host, port, unref, page: () => reader.page() })
  if (setGlobal) register(meterProvider)
  let stopping: Promise<void> | undefined
  return {
    url: `http://${browsable(host)}:${server.port}/metrics`,
    port: server.port,
    meterProvider,
    stop() {
      stopping ??= shutDown(server, meterProvider)
      return stopping
    },
  }
}

function validated({ port = 9464, host = '127.0.0.1', setGlobal = true, unref = true }: PrometheusOptions) {
  const refuse = (option: string, wanted: string, value: unknown) => {
    throw new OptionError(`startPrometheus: ${option} must be ${wanted}, received ${String(value) || '""'}`)
  }
  if (!Number.isInteger(port) || port < 0 || port > 65535) refuse('port', 'an integer from 0 to 65535', port)
  if (typeof host !== 'string' || host === '') refuse('host', 'a host name or address', host)
  if (typeof setGlobal !== 'boolean') refuse('setGlobal', 'true or false', setGlobal)
  if (typeof unref !== 'boolean') refuse('unref', 'true or false', unref)
  return { port, host, setGlobal, unref }
}

function register(meterProvider: MeterProvider): void {
  if (metrics.setGlobalMeterProvider(meterProvider)) return
  process.emitWarning(
    'startPrometheus left the global MeterProvider as it was: pass the one it returns to ' +
      'new OtelMetricsReporter({ meterProvider }), or give startPrometheus({ setGlobal: false })',
    { code: 'BATCHFLOW_METER_PROVIDER' },
  )
}

async function shutDown(server: MetricsServer, meterProvider: MeterProvider): Promise<void> {
  if (metrics.getMeterProvider() === meterProvider) metrics.disable()
  await server.close()
  await meterProvider.shutdown()
}

/** An address that means "every interface" cannot be opened; an IPv6 one needs brackets in a URL. */
function browsable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
