import { constants } from 'node:os'
import { MAX_DELAY } from '../support/clock.ts'
import {
  boolean,
  type Check,
  callback,
  implementing,
  type OptionsOf,
  optional,
  parse,
  refuse,
  type Values,
} from '../support/validate.ts'
import type { BatchFlow } from './batch-flow.ts'
import { CLOSE } from './lifecycle.ts'
import type { CloseSummary } from './outcomes.ts'

export interface CloseOnSignalsOptions {
  /** Signals that close the flows. @default ['SIGTERM', 'SIGINT'] */
  readonly signals?: readonly NodeJS.Signals[]
  /** ms for `first` and to write everything out, for all flows together; as for `close()`. @default 30000 */
  readonly timeout?: number
  /**
   * Called, and waited for, before any flow is closed: stop here whoever submits rows, such as a server of requests, by `app.close()`
   * or `server[Symbol.asyncDispose]()` (the `close()` of `node:http` gives nothing to wait for). When `timeout` is over, or with a
   * second signal, flows are closed whether it is done or not. What it throws is an unhandled rejection once all is done.
   */
  readonly first?: (signal: NodeJS.Signals) => unknown
  /**
   * Called, and waited for, when all flows are closed: end the clients of the databases here, and keep `abandonedRows`. The
   * summary is the sum of all. What it throws is an unhandled rejection.
   */
  readonly last?: (summary: CloseSummary, signal: NodeJS.Signals) => unknown
  /**
   * Whether the process then ends as the signal would have ended it: `true`, or `false` to leave that to the application.
   *
   * @default `true` where nobody else listened to the signal when it came
   */
  readonly exit?: boolean
}

const signalNames: Check<readonly NodeJS.Signals[]> = (name, value) => {
  const known = (signal: unknown) => typeof signal === 'string' && Object.hasOwn(constants.signals, signal)
  if (Array.isArray(value) && value.length > 0 && value.every(known)) return value
  return refuse(name, 'a list of signals like SIGTERM', value)
}

const SIGNALS = {
  signals: optional(signalNames, ['SIGTERM', 'SIGINT']),
  timeout: CLOSE.timeout,
  first: optional(callback<NonNullable<CloseOnSignalsOptions['first']>>(), () => undefined),
  last: optional(callback<NonNullable<CloseOnSignalsOptions['last']>>(), () => undefined),
  exit: optional(boolean),
} satisfies OptionsOf<CloseOnSignalsOptions>

type Closable = Pick<BatchFlow, 'close'>

const isFlow = implementing<Closable>('a BatchFlow', 'close')

/** A flow that comes after others, or after `first`, has at least so long, in ms: it may be where dead letters go. */
const LEAST = 2000

/**
 * Closes flows when the process is told to end. With the first signal, and after `first`, they are closed **in the order given**,
 * one after the other, so that a flow that takes the dead letters of another comes behind it; those that wait for their turn go
 * on writing. All share `timeout`, but each later one has two seconds. A second signal gives up at once what is not written; a third finds
 * no listener of ours. Rows given up go to `deadLetter`, else they are in the summary that `last` is given.
 *
 * After `last` the process ends **as if nobody had listened**: by the signal, which a shell shows as 143 for SIGTERM and 130
 * for SIGINT (as process 1 of a container, where signals do nothing, by that status). Where the application itself listens to
 * the signal, ending is left to it unless `exit` is `true`. Of several calls the last to be done ends the process.
 *
 * @returns takes the listeners away; a closing that has begun goes on
 * @throws {OptionError} naming the option, the value received and what is allowed
 */
export function closeOnSignals(
  flows: Pick<BatchFlow, 'close'> | readonly Pick<BatchFlow, 'close'>[],
  options: CloseOnSignalsOptions = {},
): () => void {
  const settings = parse('closeOnSignals', SIGNALS, options)
  const all = [flows].flat().map((flow) => isFlow('closeOnSignals: flows', flow))
  return new SignalCloser(all, settings).listen()
}

/** One per process: the CommonJS and the ESM copy of this package share it. */
const KEY = Symbol.for('batchflow-otel.signals.1')
interface Shared {
  /** What every copy listens with. */
  readonly listeners: WeakSet<object>
  /** Calls whose flows are being closed. */
  closing: number
  /** One of them is to end the process. */
  ends: boolean
}
const globals = globalThis as { [KEY]?: Shared }
globals[KEY] ??= { listeners: new WeakSet(), closing: 0, ends: false }
const shared: Shared = globals[KEY]

class SignalCloser {
  readonly #flows: readonly Closable[]
  readonly #settings: Values<typeof SIGNALS>
  #isClosing = false
  #isHurried = false
  #stopWaiting: (() => void) | undefined
  /** The one that is being closed. */
  #current: Closable | undefined
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#isClosing) this.#hurry()
    else void this.#run(signal)
  }

  constructor(flows: readonly Closable[], settings: Values<typeof SIGNALS>) {
    this.#flows = flows
    this.#settings = settings
  }

  /** Before all others, so that it sees who else is there: some listen once, and are gone when they have heard. */
  listen(): () => void {
    shared.listeners.add(this.#onSignal)
    for (const signal of this.#settings.signals) process.prependListener(signal, this.#onSignal)
    return () => this.#unlisten()
  }

  #unlisten(): void {
    for (const signal of this.#settings.signals) process.off(signal, this.#onSignal)
  }

  #hurry(): void {
    this.#isHurried = true
    this.#unlisten()
    this.#stopWaiting?.()
    void this.#current?.close({ timeout: 0 })
  }

  async #run(signal: NodeJS.Signals): Promise<void> {
    const { timeout, last, exit } = this.#settings
    const end = performance.now() + timeout
    const ends = exit ?? process.listeners(signal).every((listener) => shared.listeners.has(listener))
    this.#isClosing = true
    shared.closing++
    try {
      try {
        await this.#first(signal)
      } finally {
        await last(await this.#close(end), signal)
      }
      shared.ends ||= ends
    } finally {
      shared.closing--
      this.#unlisten()
    }
    if (shared.closing === 0 && shared.ends) leave(signal)
  }

  async #first(signal: NodeJS.Signals): Promise<void> {
    const { first, timeout } = this.#settings
    let timer: NodeJS.Timeout | undefined
    const enough = new Promise<void>((resolve) => {
      this.#stopWaiting = resolve
      if (timeout <= MAX_DELAY) timer = setTimeout(resolve, timeout)
    })
    try {
      await Promise.race([first(signal), enough])
    } finally {
      clearTimeout(timer)
    }
  }

  async #close(end: number): Promise<CloseSummary> {
    const least = Math.min(this.#settings.timeout, LEAST)
    const summaries: CloseSummary[] = []
    for (const flow of this.#flows) {
      this.#current = flow
      const left = Math.max(least, Math.ceil(end - performance.now()))
      summaries.push(await flow.close({ timeout: this.#isHurried ? 0 : left }))
    }
    return summaries.length === 1 ? summaries[0]! : sumOf(summaries)
  }
}

function sumOf(summaries: readonly CloseSummary[]): CloseSummary {
  const sum = (of: (summary: CloseSummary) => number) => summaries.reduce((total, summary) => total + of(summary), 0)
  return {
    committed: sum(({ committed }) => committed),
    failed: sum(({ failed }) => failed),
    abandoned: sum(({ abandoned }) => abandoned),
    abandonedRows: summaries.flatMap(({ abandonedRows }) => abandonedRows),
    undelivered: summaries.flatMap(({ undelivered }) => undelivered),
  }
}

/** Others would only hear the signal once more; and process 1 survives its own. */
function leave(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
  process.exit(128 + constants.signals[signal])
}
