import { hub, type Observable, type Observer } from '../contract/hub.ts'
import type { FlowProbe, MetricsReporter } from '../contract/metrics-reporter.ts'
import type { FlowTracing, Tracing } from '../contract/tracing.ts'
import type { Executor } from '../executor/executor.ts'
import type { Lanes } from '../lanes/lanes.ts'
import { type GuardedMetrics, openReporter, openTracing } from './guarded-observers.ts'

/** Who watches a flow: what its executor carries, else what the hub offers, now or later. */
export class Observers implements Observable {
  metrics: GuardedMetrics | undefined
  tracing: FlowTracing | undefined
  readonly #executor: Executor
  readonly #lanes: Lanes
  #reporter: MetricsReporter | undefined
  #tracer: Tracing | undefined

  constructor(executor: Executor, lanes: Lanes) {
    this.#executor = executor
    this.#lanes = lanes
  }

  start(): void {
    this.observe(undefined)
    hub.join(this)
  }

  /** What is the flow's own stays open, whoever comes and goes at the hub. */
  observe(observer: Observer | undefined): void {
    const { settings } = this.#executor
    const reporter = settings.reporter ?? observer?.reporter
    const tracer = settings.tracing ?? observer?.tracing
    const isNewReporter = reporter !== this.#reporter
    if (isNewReporter) this.#reportTo(reporter)
    if (tracer !== this.#tracer) this.#traceWith(tracer)
    for (const lane of this.#lanes) {
      lane.observe(isNewReporter ? this.metrics?.table(lane.table.name) : lane.metrics, this.tracing)
    }
  }

  close(): void {
    hub.leave(this)
    this.metrics?.close()
  }

  #reportTo(reporter: MetricsReporter | undefined): void {
    const { driver, slots } = this.#executor
    const probe: FlowProbe = {
      database: driver.name,
      target: driver.target,
      executor: slots,
      queueLengths: () => Array.from(this.#lanes, (lane) => [lane.table.name, lane.queued] as const),
    }
    this.#reporter = reporter
    this.metrics?.close()
    this.metrics = openReporter(reporter, probe)
  }

  #traceWith(tracer: Tracing | undefined): void {
    const { driver } = this.#executor
    this.#tracer = tracer
    this.tracing = openTracing(tracer, { database: driver.name, target: driver.target })
  }
}
