import type { Companion } from '../contract/companion.ts'
import { type AttemptContext, AttemptError, type Driver, type Operation, type RowFailure } from '../contract/driver.ts'
import { AttemptTimeoutError } from '../contract/errors.ts'
import type { TableMetrics } from '../contract/metrics-reporter.ts'
import type { AttemptFailure, AttemptTrace, BatchTrace } from '../contract/tracing.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import type { Clock, Timer } from '../support/clock.ts'
import { LateSignal } from '../support/late-signal.ts'
import type { Part } from './part.ts'
import { plan } from './plan.ts'

/** How long a driver may take to settle after its signal was aborted, in ms; then it is left behind. */
export const ABORT_GRACE = 5000

/** What went wrong: the whole operation, or single rows of it. */
export type Failure = { readonly error: unknown } | { readonly rows: readonly RowFailure[] }

/** Who watches an attempt, and how it is to be made. */
export interface AttemptObservers {
  readonly metrics: TableMetrics | undefined
  readonly trace: BatchTrace | undefined
  /** Whether bad rows may be left out. */
  readonly isolate?: boolean
  readonly companion?: Companion | undefined
  /** What has to be done before the driver is called, if anything. */
  readonly prepare?: ((signal: AbortSignal) => Promise<void> | undefined) | undefined
}

/** One attempt at a part: plan if need be, run, with a time limit and a way to stop it. */
export class Attempt {
  readonly #driver: Driver
  readonly #clock: Clock
  readonly #timeout: number
  readonly #observers: AttemptObservers
  readonly #stop = new LateSignal()
  #timer: Timer | undefined
  #span: AttemptTrace | undefined
  /** When the driver was called (ms), and for how long (ms). */
  #calledAt = -1
  #took = 0
  /** Rows that the driver says changed nothing. */
  superseded = 0
  #leaveBehind: ((error: AttemptError) => void) | undefined
  #isLeftBehind = false

  /** @param timeout ms, 0 = none */
  constructor(driver: Driver, clock: Clock, timeout: number, observers: AttemptObservers) {
    this.#driver = driver
    this.#clock = clock
    this.#timeout = timeout
    this.#observers = observers
  }

  abort(error: BatchFlowError): void {
    const ended = this.#leaveBehind === undefined
    if (ended || this.#stop.aborted) return
    this.#startTimer(ABORT_GRACE)
    this.#stop.abort(error)
  }

  /** Never rejects. `undefined`: every row is committed. */
  async run(part: Part): Promise<Failure | undefined> {
    if (this.#timeout > 0) this.#startTimer(this.#timeout)
    try {
      const rows = await new Promise<readonly RowFailure[] | undefined>((resolve, reject) => {
        this.#leaveBehind = leaver(reject)
        this.#within(() => this.#work(part)).then(resolve, reject)
      })
      return rows === undefined || rows.length === 0 ? undefined : { rows }
    } catch (error) {
      if (this.#isLeftBehind) part.operation = undefined // the driver may still use it: it must not be given back
      return { error: this.#attributed(error) }
    } finally {
      if (this.#observers.metrics !== undefined) this.#took = this.#clock.now() - this.#calledAt
      this.#timer?.stop()
      this.#leaveBehind = undefined
    }
  }

  /** Reports the attempt, once it is known what its failure means. */
  end(part: Part, failure?: AttemptFailure): void {
    this.#span?.end(failure)
    const operation = part.operation?.name
    if (operation === undefined || this.#calledAt < 0) return
    this.#observers.metrics?.observeAttemptDuration?.(this.#took / 1000, operation, failure?.reason, failure?.code)
  }

  #within<T>(act: () => T): T {
    const { trace } = this.#observers
    return trace === undefined ? act() : trace.within(act)
  }

  async #work(part: Part): Promise<readonly RowFailure[] | undefined> {
    const { metrics, isolate = false, companion, prepare } = this.#observers
    const counts = part.table.newer !== undefined && !part.deletions
    const superseded = counts ? (rows: number) => void (this.superseded += rows) : undefined
    const context = contextOf(this.#stop, isolate, companion, superseded)
    const preparing = prepare?.(context.signal)
    if (preparing !== undefined) await preparing
    if (part.operation === undefined) {
      const start = this.#now()
      const planned = plan(this.#driver, part, context)
      part.operation = planned instanceof Promise ? await this.#inTime(planned) : planned
      metrics?.observeAssembleDuration((this.#now() - start) / 1000)
    }
    const { operation } = part
    if (metrics !== undefined && operation.byteLength !== undefined) metrics.countSentBytes?.(operation.byteLength)
    this.#calledAt = this.#now()
    this.#span = this.#observers.trace?.startAttempt(operation, part.table.name)
    const run = () => this.#driver.run(operation, context)
    return this.#span === undefined ? run() : this.#span.within(run)
  }

  /** A plan that comes too late is not carried out: its rows were given up, or are attempted anew. */
  async #inTime(planned: Promise<Operation>): Promise<Operation> {
    const operation = await planned
    if (!this.#stop.aborted) return operation
    operation.release?.()
    throw this.#stop.reason
  }

  /** Only where somebody is told: the silent path reads no clock. */
  #now(): number {
    return this.#observers.metrics === undefined ? 0 : this.#clock.now()
  }

  /** Once aborted, whatever the client throws is a consequence: the abort is the cause. */
  #attributed(error: unknown): unknown {
    const { aborted, reason } = this.#stop
    if (!aborted) return error
    const wasCalled = this.#calledAt >= 0
    if (!(error instanceof AttemptError)) return new AttemptError(reason, { ambiguous: wasCalled })
    const { fence, unreachable, refused } = error
    return new AttemptError(reason, { ambiguous: wasCalled && error.ambiguous, fence, unreachable, refused })
  }

  #startTimer(milliseconds: number): void {
    this.#timer ??= this.#clock.timer(() => this.#onTimer())
    this.#timer.start(milliseconds)
  }

  #onTimer(): void {
    const { aborted, reason } = this.#stop
    if (aborted) {
      this.#isLeftBehind = true
      this.#leaveBehind?.(new AttemptError(reason, { ambiguous: true }))
    } else this.abort(new AttemptTimeoutError(this.#timeout))
  }
}

/**
 * What the driver is told; the signal is made when it asks for it. Its own property, so that it is there in a copy, too: a driver
 * around another one adds to what it was told with `{ ...attempt }`.
 */
function contextOf(
  stop: LateSignal,
  isolate: boolean,
  companion: Companion | undefined,
  superseded: ((rows: number) => void) | undefined,
): AttemptContext {
  return {
    get signal() {
      return stop.signal
    },
    isolate,
    companion,
    superseded,
  }
}

/**
 * Knows nothing else. A closure of the attempt would keep its rows: V8 let one such closure, once old, keep all that followed
 * until a full collection, and what took a third of the time of a row was collecting them.
 */
function leaver(reject: (error: AttemptError) => void): (error: AttemptError) => void {
  return (error) => reject(error)
}
