import { type Attributes, type MeterProvider, metrics } from '@opentelemetry/api'
import { OptionError } from '../../contract/errors.ts'
import type { FlowMetrics, FlowProbe, MetricsReporter, TableMetrics } from '../../contract/metrics-reporter.ts'
import { knownKeys, truth } from '../../support/options.ts'
import { ATTR } from './catalogue.ts'
import { ClientDuration } from './client-duration.ts'
import type { LiveFlow } from './live-gauges.ts'
import { type SharedMeter, sharedMeterOf } from './shared-meter.ts'
import { TableRecorder } from './table-recorder.ts'

export interface OtelMetricsReporterOptions {
  /** The `database` attribute. @default the driver's name: `postgres`, `mysql`, `sqlite` or `redis` */
  readonly database?: string | undefined
  /** The `test_name` attribute: a test, a tenant group, a business area. @default none, the attribute is absent */
  readonly testName?: string | undefined
  /** Where the meter comes from. @default the global provider at the time a flow is created */
  readonly meterProvider?: MeterProvider | undefined
  /**
   * Also record the semantic conventions' `db.client.operation.duration`, once per attempt. Off by default, because the
   * client's own instrumentation (`instrumentation-pg`) records it already and every operation would count twice.
   * @default false
   */
  readonly clientDuration?: boolean | undefined
}

/**
 * Reports to OpenTelemetry metrics what `catalogue.ts` declares. Give it to the executor before `new BatchFlow`:
 *
 * ```ts
 * executor.withMetricsReporter(new OtelMetricsReporter({ testName: 'user_batch' }))
 * ```
 *
 * The meter is resolved when a flow is created, so a provider may be registered after this reporter is made, but not after
 * the flow: the API has no meter that would start to work later. Past 60 distinct tables per meter provider, further ones
 * are recorded as `_other`.
 *
 * @throws {OptionError} naming the option and the value it received
 */
export class OtelMetricsReporter implements MetricsReporter {
  readonly #database: string | undefined
  readonly #testName: string | undefined
  readonly #meterProvider: MeterProvider | undefined
  readonly #clientDuration: boolean

  constructor(options: OtelMetricsReporterOptions = {}) {
    knownKeys('OtelMetricsReporter', options, ['database', 'testName', 'meterProvider', 'clientDuration'])
    this.#database = optionalLabel('database', options.database)
    this.#testName = optionalLabel('testName', options.testName)
    this.#meterProvider = optionalProvider(options.meterProvider)
    this.#clientDuration = truth('OtelMetricsReporter: clientDuration', options.clientDuration ?? false)
  }

  open(flow: FlowProbe): FlowMetrics | undefined {
    const provider = this.#meterProvider ?? metrics.getMeterProvider()
    const shared = sharedMeterOf(provider)
    if (shared === undefined) return undefined
    const common = {
      [ATTR.database]: this.#database ?? flow.database,
      ...(this.#testName !== undefined && { [ATTR.testName]: this.#testName }),
    }
    const clientDuration = this.#clientDuration ? new ClientDuration(provider, flow) : undefined
    return new FlowRecorder(flow, common, shared, clientDuration)
  }
}

class FlowRecorder implements FlowMetrics, LiveFlow {
  readonly probe: FlowProbe
  readonly common: Attributes
  readonly #shared: SharedMeter
  readonly #clientDuration: ClientDuration | undefined
  readonly #attributes = new Map<string, Attributes>()
  readonly #tables = new Map<string, TableRecorder>()

  constructor(probe: FlowProbe, common: Attributes, shared: SharedMeter, clientDuration: ClientDuration | undefined) {
    this.#clientDuration = clientDuration
    this.probe = probe
    this.common = common
    this.#shared = shared
    shared.gauges.add(this)
  }

  table(name: string): TableMetrics {
    const label = this.#shared.tables.admit(name)
    const known = this.#tables.get(label)
    if (known !== undefined) return known
    const attributes = this.attributesOf(name)
    const { instruments, reasons } = this.#shared
    const client = this.#clientDuration?.of(label)
    const recorder = new TableRecorder(instruments, attributes, reasons, client)
    this.#shared.gauges.announce(attributes)
    this.#tables.set(label, recorder)
    return recorder
  }

  attributesOf(table: string): Attributes {
    const label = this.#shared.tables.admit(table)
    const known = this.#attributes.get(label)
    if (known !== undefined) return known
    const attributes = { [ATTR.table]: label, ...this.common }
    this.#attributes.set(label, attributes)
    return attributes
  }

  close(): void {
    this.#shared.gauges.delete(this)
  }
}

function optionalLabel(option: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value
  const received = value === '' ? '""' : String(value)
  throw new OptionError(`OtelMetricsReporter: ${option} must be a non-empty string, received ${received}`)
}

function optionalProvider(value: MeterProvider | undefined): MeterProvider | undefined {
  if (value === undefined || typeof value?.getMeter === 'function') return value
  throw new OptionError(`OtelMetricsReporter: meterProvider must have a getMeter method, received ${String(value)}`)
}
