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
import type { CloseSummary, Outcomes } from './outcomes.ts'

export interface CloseOptions {
  /** ms to write everything out; `Infinity` waits for as long as it takes. @default 30000 */
  readonly timeout?: number
}

const CLOSE = { timeout: optional(number(0, Number.POSITIVE_INFINITY), 30_000) } satisfies OptionsOf<CloseOptions>

/** The parts of a flow that end with it. */
export interface Living {
  readonly settings: Pick<FlowSettings, 'clock' | 'signal'>
  readonly intake: Intake
  readonly lanes: Lanes
  readonly dispatcher: Dispatcher
  readonly deadLetters: DeadLetters
  readonly outcomes: Outcomes
  readonly observers: Observers
}

/** Ends a flow: by `close()`, by its signal, or when the time for that is over. */
export class Lifecycle {
  readonly #flow: Living
  /** `close()` was called, or there is nothing left to close. */
  #closing = false
  #timeout = 0
  #closed = false
  readonly #deadline: Timer
  readonly #end: Promise<CloseSummary>
  #resolve!: (summary: CloseSummary) => void
  #unlisten: (() => void) | undefined

  constructor(flow: Living) {
    const { clock, signal } = flow.settings
    this.#flow = flow
    this.#deadline = clock.timer(() => this.#abandon())
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
    if (!this.#closing) {
      this.#closing = true
      this.#flow.intake.close()
      this.#timeout = timeout
      if (timeout <= MAX_DELAY) this.#deadline.start(timeout)
      this.#drain()
    }
    return this.#end
  }

  /** Rows were settled: where the flow is to end, those may have been the last, or have made room for the last. */
  settled(): void {
    if (!this.#flow.intake.open) this.#drain()
  }

  #drain(): void {
    const { intake, lanes, dispatcher, observers, outcomes } = this.#flow
    for (const lane of lanes.waiting) lane.flush('close')
    if (intake.outstanding > 0) return
    this.#closing = true
    this.#deadline.stop()
    this.#unlisten?.()
    for (const lane of lanes) lane.dispose()
    dispatcher.dispose()
    observers.close()
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

  #abandon(): void {
    const { intake, dispatcher, deadLetters } = this.#flow
    const error = new AbandonedError(this.#timeout)
    const message = `this BatchFlow was closed, and no room came free within ${this.#timeout} ms; the row was not accepted`
    intake.refuseAll(new ClosedError(message))
    dispatcher.stop(error)
    deadLetters.stop(error)
  }
}
