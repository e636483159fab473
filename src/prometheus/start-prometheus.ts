import { metrics } from '@opentelemetry/api'
import { MeterProvider, type MeterProviderOptions } from '@opentelemetry/sdk-metrics'
import { boolean, type OptionsOf, optional, parse, unchecked } from '../support/validate.ts'
import { warnOfOtherApi } from '../telemetry/api-copies.ts'
import { ENDPOINT, type EndpointAddress, type EndpointOptions } from './endpoint-options.ts'
import { BatchFlowPrometheusExporter } from './exporter.ts'

/** `resource` and `views` are those of the `MeterProvider`. */
export interface PrometheusOptions extends EndpointOptions, Pick<MeterProviderOptions, 'resource' | 'views'> {
  /**
   * Makes the provider the global one, where `new OtelMetricsReporter()` finds it. One that was registered before stays;
   * then a process warning says so, and the provider returned here has to be passed on by hand.
   *
   * @default true
   */
  readonly setGlobal?: boolean | undefined
}

const PROMETHEUS = {
  ...ENDPOINT,
  resource: optional(unchecked<NonNullable<MeterProviderOptions['resource']>>()),
  views: optional(unchecked<NonNullable<MeterProviderOptions['views']>>()),
  setGlobal: optional(boolean, true),
} satisfies OptionsOf<PrometheusOptions>

export interface PrometheusEndpoint extends EndpointAddress {
  readonly meterProvider: MeterProvider
  /**
   * Closes the server and its connections, shuts the provider down and, when it is the global one, takes it back. May be
   * called again; all calls resolve when the first has done its work. Flows made before go on, unobserved.
   */
  stop(): Promise<void>
}

/**
 * Metrics for an application that has no OpenTelemetry set-up: a `MeterProvider` and a page `GET /metrics` for Prometheus.
 * Call it before `new BatchFlow`. Needs `@opentelemetry/sdk-metrics`. Where a provider exists, give it a
 * {@link BatchFlowPrometheusExporter} instead.
 *
 * A failing scrape is answered with status 500 and logged by `diag`; the flows never notice.
 *
 * @throws {OptionError} naming the option and the value it received
 * @throws {BatchFlowError} `ERR_BATCHFLOW_PORT` when the port is taken or the address cannot be listened on
 */
export async function startPrometheus(options: PrometheusOptions = {}): Promise<PrometheusEndpoint> {
  const { resource, views, setGlobal, ...endpoint } = parse('startPrometheus', PROMETHEUS, options)
  const exporter = new BatchFlowPrometheusExporter(endpoint)
  const address = await exporter.listening()
  const meterProvider = new MeterProvider({
    readers: [exporter],
    ...(resource !== undefined && { resource }),
    ...(views !== undefined && { views }),
  })
  if (setGlobal) register(meterProvider)
  let stopping: Promise<void> | undefined
  return {
    ...address,
    meterProvider,
    stop() {
      stopping ??= shutDown(meterProvider)
      return stopping
    },
  }
}

function register(meterProvider: MeterProvider): void {
  if (metrics.setGlobalMeterProvider(meterProvider) || warnOfOtherApi()) return
  process.emitWarning(
    'startPrometheus left the global MeterProvider as it was: pass the one it returns to ' +
      'new OtelMetricsReporter({ meterProvider }), or give startPrometheus({ setGlobal: false })',
    { code: 'BATCHFLOW_METER_PROVIDER' },
  )
}

async function shutDown(meterProvider: MeterProvider): Promise<void> {
  if (metrics.getMeterProvider() === meterProvider) metrics.disable()
  await meterProvider.shutdown()
}
