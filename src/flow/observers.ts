import { hub, type Observable, type Observer } from '../contract/hub.ts'
import type { FlowMetrics, FlowProbe, MetricsReporter } from '../contract/metrics-reporter.ts'
import type { FlowTracing } from '../contract/tracing.ts'
import type { Executor } from '../executor/executor.ts'
import type { Lanes } from '../lanes/lanes.ts'
import { openGuarded, openTracing } from './guarded.ts'

/** Who watches a flow: what its executor carries, else what the hub offers, now or later. */
export class FlowTelemetry implements Observable {
  metrics: FlowMetrics | undefined
  tracing: FlowTracing | undefined
  readonly #executor: Executor
  readonly #lanes: Lanes
  #reporter: MetricsReporter | undefined

  constructor(executor: Executor, lanes: Lanes) {
    this.#executor = executor
    this.#lanes = lanes
  }

  start(): void {
    this.observe(undefined)
    hub.join(this)
  }

  /** A reporter of the flow's own stays open, whoever comes and goes at the hub. */
  observe(observer: Observer | undefined): void {
    const { driver, settings } = this.#executor
    const reporter = settings.reporter ?? observer?.reporter
    const isNew = reporter !== this.#reporter
    if (isNew) this.#reportTo(reporter)
    this.tracing = openTracing(settings.tracing ?? observer?.tracing, { database: driver.name, target: driver.target })
    for (const lane of this.#lanes) {
      lane.observe(isNew ? this.metrics?.table(lane.table.name) : lane.metrics, this.tracing)
    }
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
    this.metrics = openGuarded(reporter, probe)
  }

  close(): void {
    hub.leave(this)
    this.metrics?.close()
  }
}
