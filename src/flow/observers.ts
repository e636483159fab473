import { hub, type Observable, type Observer } from '../contract/hub.ts'
import type { AdaptiveProbe, FlowProbe, MetricsReporter, SourceProbe } from '../contract/metrics-reporter.ts'
import type { FlowTracing, Tracing } from '../contract/tracing.ts'
import type { Executor } from '../executor/executor.ts'
import type { Lanes } from '../lanes/lanes.ts'
import { type GuardedMetrics, openReporter, openTracing } from './guarded-observers.ts'
import { jointMetrics } from './joint-metrics.ts'

/**
 * Who watches a flow. Metrics go to every reporter that its executor carries, and to that of the hub, now or later; traces to
 * the executor's own tracing, else to the hub's: a batch has one span.
 */
export class Observers implements Observable {
  metrics: GuardedMetrics | undefined
  tracing: FlowTracing | undefined
  /** The log whose rows the flow writes. */
  source: SourceProbe | undefined
  readonly #executor: Executor
  readonly #lanes: Lanes
  readonly #adaptive: AdaptiveProbe | undefined
  /** What reporters of the flow's own made of it. */
  readonly #own: GuardedMetrics[] = []
  /** Who reports for the hub. */
  #guest: { readonly reporter: MetricsReporter; readonly metrics: GuardedMetrics | undefined } | undefined
  #tracer: Tracing | undefined

  constructor(executor: Executor, lanes: Lanes, adaptive?: AdaptiveProbe) {
    this.#executor = executor
    this.#lanes = lanes
    this.#adaptive = adaptive
  }

  start(): void {
    for (const reporter of this.#executor.settings.reporters) {
      const opened = openReporter(reporter, this.#probe(), this.#own)
      if (opened !== undefined) this.#own.push(opened)
    }
    this.metrics = jointMetrics(this.#own)
    this.observe(undefined)
    hub.join(this)
  }

  /** What is the flow's own stays open, whoever comes and goes at the hub. */
  observe(observer: Observer | undefined): void {
    const { settings } = this.#executor
    const tracer = settings.tracing ?? observer?.tracing
    const before = this.metrics
    if (observer?.reporter !== this.#guest?.reporter) this.#reportTo(observer?.reporter)
    if (tracer !== this.#tracer) this.#traceWith(tracer)
    for (const lane of this.#lanes) {
      lane.observe(this.metrics !== before ? this.metrics?.table(lane.table.name) : lane.metrics, this.tracing)
    }
  }

  close(): void {
    hub.leave(this)
    this.metrics?.close()
  }

  #reportTo(reporter: MetricsReporter | undefined): void {
    const leaving = this.#guest?.metrics
    leaving?.close()
    const isKnown = reporter === undefined || this.#executor.settings.reporters.includes(reporter)
    const metrics = isKnown ? undefined : openReporter(reporter, this.#probe(), this.#own)
    this.#guest = reporter && { reporter, metrics }
    if (metrics === undefined && leaving === undefined) return // nothing changes
    this.metrics = jointMetrics(metrics === undefined ? this.#own : [...this.#own, metrics])
  }

  #probe(): FlowProbe {
    const { driver, slots } = this.#executor
    return {
      database: driver.name,
      target: driver.target,
      executor: slots,
      queueLengths: () => Array.from(this.#lanes, (lane) => [lane.table.name, lane.queued] as const),
      tables: () => Array.from(this.#lanes, (lane) => lane.probe()),
      adaptive: this.#adaptive,
      source: () => this.source,
    }
  }

  #traceWith(tracer: Tracing | undefined): void {
    const { driver } = this.#executor
    this.#tracer = tracer
    this.tracing = openTracing(tracer, { database: driver.name, target: driver.target })
  }
}
