import { type Attributes, type MeterProvider, metrics } from '@opentelemetry/api'
import type { FlowMetrics, FlowProbe, MetricsReporter, TableMetrics } from '../../contract/metrics-reporter.ts'
import { boolean, implementing, type OptionsOf, optional, parse, text, type Values } from '../../support/validate.ts'
import { ATTR } from './catalogue.ts'
import { ClientDuration } from './client-duration.ts'
import type { LiveFlow } from './live-gauges.ts'
import { type SharedMeter, sharedMeterOf } from './shared-meter.ts'
import type { TableCell } from './table-cell.ts'
import { TableRecorder } from './table-recorder.ts'

export interface OtelMetricsReporterOptions {
  /** The `database` attribute. @default the driver's name: `postgres`, `mysql`, `sqlite` or `redis` */
  readonly database?: string | undefined
  /** The `test_name` attribute: a test, a tenant group, a business area. @default none, the attribute is absent */
  readonly testName?: string | undefined
  /** Makes the meter. @default the global provider at the time a flow is created */
  readonly meterProvider?: MeterProvider | undefined
  /**
   * Also record the semantic conventions' `db.client.operation.duration`, once per attempt. Off by default, because the
   * client's own instrumentation (`instrumentation-pg`) records it already and every operation would count twice.
   * @default false
   */
  readonly clientDuration?: boolean | undefined
}

/** @internal */
export const REPORTER = {
  database: optional(text),
  testName: optional(text),
  meterProvider: optional(implementing<MeterProvider>('a MeterProvider', 'getMeter')),
  clientDuration: optional(boolean, false),
} satisfies OptionsOf<OtelMetricsReporterOptions>

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
  readonly #options: Values<typeof REPORTER>

  constructor(options: OtelMetricsReporterOptions = {}) {
    this.#options = parse('OtelMetricsReporter', REPORTER, options)
  }

  /** The meter provider. */
  destination(): MeterProvider {
    return this.#options.meterProvider ?? metrics.getMeterProvider()
  }

  open(flow: FlowProbe): FlowMetrics | undefined {
    const { database, testName, clientDuration } = this.#options
    const provider = this.destination()
    const shared = sharedMeterOf(provider)
    if (shared === undefined) return undefined
    const common = {
      [ATTR.database]: database ?? flow.database,
      ...(testName !== undefined && { [ATTR.testName]: testName }),
    }
    return new FlowRecorder(flow, common, shared, clientDuration ? new ClientDuration(provider, flow) : undefined)
  }
}

class FlowRecorder implements FlowMetrics, LiveFlow {
  readonly probe: FlowProbe
  readonly common: Attributes
  readonly #shared: SharedMeter
  readonly #clientDuration: ClientDuration | undefined
  readonly #cells = new Map<string, TableCell>()
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
    const recorder = new TableRecorder(this.#shared, this.#cell(label), this.#clientDuration?.of(label))
    this.#tables.set(label, recorder)
    return recorder
  }

  cellOf(table: string): TableCell {
    return this.#cell(this.#shared.tables.admit(table))
  }

  #cell(label: string): TableCell {
    const known = this.#cells.get(label)
    if (known !== undefined) return known
    const cell = this.#shared.gauges.tableCell({ [ATTR.table]: label, ...this.common })
    this.#cells.set(label, cell)
    return cell
  }

  close(): void {
    this.#shared.backlog.drain()
    this.#shared.gauges.delete(this)
  }
}
