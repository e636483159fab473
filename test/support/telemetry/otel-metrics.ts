import { type Attributes, DiagLogLevel, diag } from '@opentelemetry/api'
import {
  AggregationTemporality,
  DataPointType,
  type Histogram,
  MeterProvider,
  type MetricData,
  MetricReader,
  type ScopeMetrics,
} from '@opentelemetry/sdk-metrics'
import type {
  AdaptiveProbe,
  ExecutorProbe,
  FlowProbe,
  Outage,
  TableProbe,
} from '../../../src/contract/metrics-reporter.ts'
import type { Reason } from '../../../src/contract/reasons.ts'

/** A real SDK whose metrics are read on demand. */
export class MetricsUnderTest {
  readonly #reader: OnDemandReader
  readonly provider: MeterProvider

  constructor(temporality: AggregationTemporality = AggregationTemporality.CUMULATIVE, others: MetricReader[] = []) {
    this.#reader = new OnDemandReader(temporality)
    this.provider = new MeterProvider({ readers: [this.#reader, ...others] })
  }

  /** Everything recorded so far, by scope. Fails when a callback did. */
  async scopes(): Promise<ScopeMetrics[]> {
    const { resourceMetrics, errors } = await this.#reader.collect()
    if (errors.length > 0) throw new AggregateError(errors, 'collection failed')
    return resourceMetrics.scopeMetrics
  }

  async metrics(): Promise<Map<string, MetricData>> {
    const scopes = await this.scopes()
    return new Map(scopes.flatMap((scope) => scope.metrics.map((metric) => [metric.descriptor.name, metric])))
  }

  /** The points of one metric as `[attributes, value]`; the value of a histogram is `[count, sum]`. */
  async points(name: string): Promise<[Attributes, unknown][]> {
    const metric = (await this.metrics()).get(name)
    return (metric?.dataPoints ?? []).map(({ attributes, value }) => [attributes, plain(value)])
  }
}

export class OnDemandReader extends MetricReader {
  constructor(temporality: AggregationTemporality) {
    super({ aggregationTemporalitySelector: () => temporality })
  }
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

function plain(value: unknown): unknown {
  if (typeof value === 'number') return value
  const { count, sum } = value as Histogram
  return [count, sum]
}

/** `histogram`, `counter`, or `gauge` for what can fall, as an exporter sees it. */
export function exportedKind(metric: MetricData): string {
  if (metric.dataPointType === DataPointType.HISTOGRAM) return 'histogram'
  return metric.dataPointType === DataPointType.SUM && metric.isMonotonic ? 'counter' : 'gauge'
}

/** A flow as a reporter sees it, its state set by the test. */
export interface ProbeState {
  database?: string
  executor?: ExecutorProbe
  queues?: Record<string, number>
  adaptive?: AdaptiveProbe
  /** What else there is of the tables of `queues`. */
  tables?: Record<string, Partial<TableProbe>>
}

export function flowProbe(state: ProbeState = {}): FlowProbe {
  const { database = 'postgres', executor = slots(0, 0), queues = {}, tables = {}, adaptive } = state
  const names = () => [...new Set([...Object.keys(queues), ...Object.keys(tables)])]
  const tableOf = (table: string) => {
    const empty = { table, queued: queues[table] ?? 0, inFlight: 0, batches: 0, oldestAge: undefined }
    return { ...empty, ...tables[table] }
  }
  return {
    database,
    executor,
    adaptive,
    queueLengths: () => Object.entries(queues),
    tables: () => names().map(tableOf),
  }
}

export function slots(concurrencyLimit: number, inflight: number, outages: Record<string, number> = {}): ExecutorProbe {
  return { concurrencyLimit, inflight, outage: undefined, outages: new Map(Object.entries(outages)) }
}

/** An executor whose outages the test begins and ends. */
export class FailingExecutor implements ExecutorProbe {
  readonly concurrencyLimit = 0
  inflight = 1
  readonly outages = new Map<Reason, number>()
  outage: Outage | undefined

  begin(reason: Reason): void {
    this.outage = { since: 0, reason, code: undefined, message: 'gone' }
    this.outages.set(reason, (this.outages.get(reason) ?? 0) + 1)
  }

  end(): void {
    this.outage = undefined
  }
}

/** What `diag` is told while `work` runs, as `level: first argument`. */
export async function diagnosticsOf(work: () => unknown): Promise<string[]> {
  const heard: string[] = []
  const listen = (level: string) => (message: string) => void heard.push(`${level}: ${message}`)
  const ignore = () => {}
  const logger = { error: listen('error'), warn: listen('warn'), info: ignore, debug: ignore, verbose: ignore }
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
  try {
    await work()
  } finally {
    diag.disable()
  }
  return heard
}
