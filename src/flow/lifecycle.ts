import { AbandonedError, AbortedError, ClosedError } from '../contract/errors.ts'
import type { Lanes } from '../lanes/lanes.ts'
import { onAbort } from '../support/abort.ts'
import { MAX_DELAY, type Timer } from '../support/clock.ts'
import { number, type OptionsOf, optional, parse } from '../support/validate.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { Dispatcher } from './dispatcher.ts'
import { exitWatch } from './exit-watch.ts'
import type { Intake } from './intake.ts'
import type { Observers } from './observers.ts'
import type { FlowSettings } from './options.ts'
import type { OutageLog } from './outage-log.ts'
import type { CloseSummary, Outcomes } from './outcomes.ts'

export interface CloseOptions {
  /**
   * ms to write everything out; `Infinity` waits for as long as it takes. A call after the first may bring the end nearer:
   * `close({ timeout: 0 })` gives up at once.
   *
   * @default 30000
   */
  readonly timeout?: number
}

/** How long, in ms, after the time is over `deadLetter` may take to receive what was given up; 5 s go into cancelling. */
const LAST_LETTERS = 10_000

/** @internal */
export const CLOSE = {
  timeout: optional(number(0, Number.POSITIVE_INFINITY), 30_000),
} satisfies OptionsOf<CloseOptions>

/** The parts of a flow that end with it. */
export interface Living {
  readonly settings: Pick<FlowSettings, 'clock' | 'signal'>
  readonly intake: Intake
  readonly lanes: Lanes
  readonly dispatcher: Dispatcher
  readonly deadLetters: DeadLetters
  readonly outcomes: Outcomes
  readonly observers: Observers
  readonly outages: OutageLog
}

/** Ends a flow: by `close()`, by its signal, or when the time for that is over. */
export class Lifecycle {
  readonly #flow: Living
  /** `close()` was called, or there is nothing left to close. */
  #closing = false
  #closed = false
  #isOutOfTime = false
  readonly #timers: Timer[] = []
  readonly #end: Promise<CloseSummary>
  #resolve!: (summary: CloseSummary) => void
  #unlisten: (() => void) | undefined

  constructor(flow: Living) {
    const { signal } = flow.settings
    this.#flow = flow
    exitWatch.join(flow.lanes)
    this.#end = new Promise((resolve) => (this.#resolve = resolve))
    if (signal?.aborted) this.#abort()
    else if (signal !== undefined) this.#unlisten = onAbort(signal, this.#abort)
  }

  /** Rows are accepted; the last ones are written out, or given up; there is nothing left. */
  get state(): 'open' | 'closing' | 'closed' {
    if (this.#closed) return 'closed'
    return this.#flow.intake.open ? 'open' : 'closing'
  }

  close(options: CloseOptions = {}): Promise<CloseSummary> {
    const { timeout } = parse('close', CLOSE, options)
    const isFirst = !this.#closing
    this.#closing = true
    this.#flow.intake.close()
    if (isFirst || options.timeout !== undefined) this.#after(timeout, () => this.#abandon(timeout))
    if (isFirst) this.#drain()
    return this.#end
  }

  /** Rows were settled: where the flow is to end, those may have been the last, or have made room for the last. */
  settled(): void {
    if (!this.#flow.intake.open) this.#drain()
  }

  #drain(): void {
    const { intake, lanes, dispatcher, observers, outages, outcomes } = this.#flow
    for (const lane of lanes.waiting) lane.flush('close')
    if (intake.outstanding > 0) return
    this.#closing = true
    for (const timer of this.#timers) timer.stop()
    this.#unlisten?.()
    for (const lane of lanes) lane.dispose()
    dispatcher.dispose()
    observers.close()
    outages.close()
    exitWatch.leave(lanes)
    this.#closed = true
    this.#resolve(outcomes.summary)
  }

  readonly #abort = (): void => {
    const { intake, dispatcher, settings } = this.#flow
    const reason = settings.signal?.reason
    intake.close()
    intake.refuseAll(new AbortedError('the flow was aborted; the row was not accepted', reason))
    dispatcher.stop(new AbortedError('the flow was aborted', reason, true))
    this.#drain()
  }

  #abandon(timeout: number): void {
    if (this.#isOutOfTime) return
    this.#isOutOfTime = true
    const { intake, dispatcher, deadLetters } = this.#flow
    const error = new AbandonedError(timeout)
    const message = `this BatchFlow was closed, and no room came free within ${timeout} ms; the row was not accepted`
    intake.refuseAll(new ClosedError(message))
    this.#after(LAST_LETTERS, () => deadLetters.stop(error))
    dispatcher.stop(error)
  }

  #after(milliseconds: number, act: () => void): void {
    if (this.#closed || milliseconds > MAX_DELAY) return
    const timer = this.#flow.settings.clock.timer(act)
    this.#timers.push(timer)
    timer.start(milliseconds)
  }
}
