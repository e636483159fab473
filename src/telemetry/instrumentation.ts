import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import { hub } from '../contract/hub.ts'
import { boolean, type OptionsOf, optional, parse, type Values } from '../support/validate.ts'
import { OtelMetricsReporter, type OtelMetricsReporterOptions, REPORTER } from './metrics/otel-reporter.ts'
import { SCOPE } from './scope.ts'
import { OtelTracing, type OtelTracingOptions, TRACING } from './tracing/otel-tracing.ts'

type Metrics = Omit<OtelMetricsReporterOptions, 'meterProvider'>
type Traces = Omit<OtelTracingOptions, 'tracerProvider'>

export interface BatchFlowInstrumentationConfig extends Metrics, Traces {
  /** @default true */
  enabled?: boolean
  /** Whether metrics are recorded. @default true */
  readonly metrics?: boolean | undefined
  /** Whether batches are traced. @default true */
  readonly traces?: boolean | undefined
}

const OWNER = 'BatchFlowInstrumentation'

const INSTRUMENTATION = {
  database: REPORTER.database,
  testName: REPORTER.testName,
  clientDuration: REPORTER.clientDuration,
  attemptSpans: TRACING.attemptSpans,
  linkSubmitters: TRACING.linkSubmitters,
  queryText: TRACING.queryText,
  enabled: optional(boolean, true),
  metrics: optional(boolean, true),
  traces: optional(boolean, true),
} satisfies OptionsOf<BatchFlowInstrumentationConfig>

/**
 * Turns on metrics and traces for every flow, whichever was created first. Reporters of a flow's own go on beside it, and
 * instead of it where they report to the same meter provider; tracing of its own comes first.
 *
 * ```ts
 * new NodeSDK({ instrumentations: [new BatchFlowInstrumentation()] }).start()
 * ```
 *
 * It has the shape of `Instrumentation` of `@opentelemetry/instrumentation`, without needing that package: there is no
 * module to patch. One is enough for a process; of several, the one enabled last observes, and when that is disabled
 * the one before it.
 *
 * @throws {OptionError} naming the option and the value it received
 */
export class BatchFlowInstrumentation {
  readonly instrumentationName: string = SCOPE.name
  readonly instrumentationVersion: string = SCOPE.version
  #config: Values<typeof INSTRUMENTATION>
  #meterProvider: MeterProvider | undefined
  #tracerProvider: TracerProvider | undefined
  #enabled = false

  constructor(config: BatchFlowInstrumentationConfig = {}) {
    this.#config = parse(OWNER, INSTRUMENTATION, config)
    if (this.#config.enabled) this.enable()
  }

  getConfig(): BatchFlowInstrumentationConfig {
    return this.#config
  }

  setConfig(config: BatchFlowInstrumentationConfig): void {
    this.#config = parse(OWNER, INSTRUMENTATION, config)
    this.#observe()
  }

  /** Called by the SDK; flows report to the new provider from then on. */
  setMeterProvider(meterProvider: MeterProvider): void {
    this.#meterProvider = meterProvider
    this.#observe()
  }

  setTracerProvider(tracerProvider: TracerProvider): void {
    this.#tracerProvider = tracerProvider
    this.#observe()
  }

  enable(): void {
    this.#enabled = true
    this.#observe()
  }

  disable(): void {
    this.#enabled = false
    hub.unobserve(this)
  }

  #observe(): void {
    if (!this.#enabled) return
    const { metrics, traces, database, testName, clientDuration, attemptSpans, linkSubmitters, queryText } =
      this.#config
    const meterProvider = this.#meterProvider
    const tracerProvider = this.#tracerProvider
    hub.observe(this, {
      reporter: metrics ? new OtelMetricsReporter({ database, testName, clientDuration, meterProvider }) : undefined,
      tracing: traces ? new OtelTracing({ tracerProvider, attemptSpans, linkSubmitters, queryText }) : undefined,
    })
  }
}
