import type { Clock, Timer } from './clock.ts'
import { AttemptError, type Driver, type RowFailure } from './drivers/driver.ts'
import { AttemptTimeoutError, type BatchFlowError } from './errors.ts'
import type { Part } from './part.ts'
import type { TableMetrics } from './telemetry/reporter.ts'

/** How long a driver may take to settle after its signal was aborted, in ms; then it is left behind. */
export const ABORT_GRACE = 5000

/** What went wrong: the whole operation, or single rows of it. */
export type Failure = { readonly error: unknown } | { readonly rows: readonly RowFailure[] }

/** One attempt at a part: plan if need be, run, with a time limit and a way to stop it. */
export class Attempt {
  readonly #driver: Driver
  readonly #clock: Clock
  readonly #timeout: number
  readonly #metrics: TableMetrics | undefined
  readonly #controller = new AbortController()
  #timer: Timer | undefined
  #leaveBehind: ((error: AttemptError) => void) | undefined

  /** @param timeout ms, 0 = none */
  constructor(driver: Driver, clock: Clock, timeout: number, metrics: TableMetrics | undefined) {
    this.#driver = driver
    this.#clock = clock
    this.#timeout = timeout
    this.#metrics = metrics
  }

  abort(error: BatchFlowError): void {
    if (this.#controller.signal.aborted) return
    this.#startTimer(ABORT_GRACE)
    this.#controller.abort(error)
  }

  /** Never rejects. `undefined`: every row is committed. */
  async run(part: Part): Promise<Failure | undefined> {
    if (this.#timeout > 0) this.#startTimer(this.#timeout)
    try {
      const rows = await new Promise<readonly RowFailure[] | undefined>((resolve, reject) => {
        this.#leaveBehind = (error) => {
          part.operation = undefined // the driver may still use it: it must not be given back
          reject(error)
        }
        this.#work(part).then(resolve, reject)
      })
      return rows === undefined || rows.length === 0 ? undefined : { rows }
    } catch (error) {
      return { error: this.#attributed(error) }
    } finally {
      this.#timer?.stop()
      this.#leaveBehind = undefined
    }
  }

  async #work(part: Part): Promise<readonly RowFailure[] | undefined> {
    const context = { signal: this.#controller.signal }
    if (part.operation === undefined) {
      const start = this.#metrics === undefined ? 0 : this.#clock.now()
      const planned = this.#driver.plan(part, context)
      part.operation = planned instanceof Promise ? await planned : planned
      this.#metrics?.observeAssembleDuration((this.#clock.now() - start) / 1000)
    }
    return this.#driver.run(part.operation, context)
  }

  /** Once aborted, whatever the client throws is a consequence: the abort is the cause. */
  #attributed(error: unknown): unknown {
    const { signal } = this.#controller
    if (!signal.aborted) return error
    return new AttemptError(signal.reason, { ambiguous: error instanceof AttemptError ? error.ambiguous : true })
  }

  #startTimer(milliseconds: number): void {
    this.#timer ??= this.#clock.timer(() => this.#onTimer())
    this.#timer.start(milliseconds)
  }

  #onTimer(): void {
    const { signal } = this.#controller
    if (signal.aborted) this.#leaveBehind?.(new AttemptError(signal.reason, { ambiguous: true }))
    else this.abort(new AttemptTimeoutError(this.#timeout))
  }
}
