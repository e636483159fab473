import type { Span } from '@opentelemetry/api'
import { AbortedError } from '../contract/errors.ts'
import { ManyWaiter, type Receipt, type Waiter } from '../lanes/waiter.ts'
import { onAbort, unlessAborted } from '../support/abort.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'

/** One promise for many rows: resolves when all that was expected is settled. */
export class AllWaiter implements Waiter {
  readonly passive = true
  #left = 0
  #resolve: (() => void) | undefined

  expect(count: number): void {
    this.#left += count
  }

  committed(): void {
    this.done(1)
  }

  failed(): void {
    this.done(1)
  }

  /** So many are settled. */
  done(count: number): void {
    this.#left -= count
    if (this.#left === 0) this.#resolve?.()
  }

  settled(): Promise<void> {
    return this.#left === 0 ? Promise.resolve() : new Promise((resolve) => (this.#resolve = resolve))
  }
}

/** The outcome of each of many rows, without a promise for each. */
export class AllSettled extends ManyWaiter {
  number = -1
  /** `undefined`: not settled yet. */
  readonly #results: (PromiseSettledResult<Receipt> | undefined)[] = []
  readonly #all = new AllWaiter()
  /** What became of the row before: rows of one batch share one receipt, and one result. */
  #last: PromiseFulfilledResult<Receipt> | undefined

  next(rows: number): void {
    this.#all.expect(rows)
    this.number = this.#results.length
    for (let i = 0; i < rows; i++) this.#results.push(undefined)
  }

  one(number: number): Waiter {
    return new OneOfMany(this, number)
  }

  allCommitted(first: number, rows: number, receipt: Receipt): void {
    const result = this.#resultOf(receipt)
    for (let number = first; number < first + rows; number++) this.#results[number] = result
    this.#all.done(rows)
  }

  oneFailed(number: number, reason: BatchFlowError): void {
    this.#results[number] = { status: 'rejected', reason }
    this.#all.done(1)
  }

  #resultOf(receipt: Receipt): PromiseFulfilledResult<Receipt> {
    if (this.#last?.value !== receipt) this.#last = { status: 'fulfilled', value: receipt }
    return this.#last
  }

  /** Waits until all are settled or `signal` is aborted, which is the outcome of those that are not settled then. */
  async results(signal: AbortSignal | undefined): Promise<PromiseSettledResult<Receipt>[]> {
    const settled = this.#all.settled()
    if (signal === undefined) {
      await settled
      return this.#results as PromiseSettledResult<Receipt>[]
    }
    await unlessAborted(settled, signal).catch(() => undefined)
    return this.#results.map((result) => result ?? { status: 'rejected', reason: leftEarly(signal) })
  }
}

/** Knows its place: as a pair of closures it would take three times the memory. */
class OneOfMany implements Waiter {
  readonly #all: AllSettled
  readonly #number: number

  constructor(all: AllSettled, number: number) {
    this.#all = all
    this.#number = number
  }

  committed(receipt: Receipt): void {
    this.#all.allCommitted(this.#number, 1, receipt)
  }

  failed(error: BatchFlowError): void {
    this.#all.oneFailed(this.#number, error)
  }
}

/** The promise of `write`; a signal can end it early, once the row is accepted. */
export class PromiseWaiter implements Waiter {
  readonly promise: Promise<Receipt>
  readonly span: Span | undefined
  readonly #resolve: (receipt: Receipt) => void
  readonly #reject: (error: unknown) => void
  #unlisten: (() => void) | undefined
  #settled = false

  constructor(span?: Span) {
    this.promise = new Promise(take)
    this.#resolve = resolve
    this.#reject = reject
    this.span = span
  }

  /** The row may not be `accepted` yet: until it is, whoever waits for room hears of `signal`. */
  watch(accepted: Promise<void>, signal: AbortSignal | undefined): void {
    accepted.then(signal && (() => this.#listen(signal)), this.#reject)
  }

  #listen(signal: AbortSignal): void {
    if (this.#settled) return
    const leave = () => this.#reject(leftEarly(signal))
    if (signal.aborted) leave()
    else this.#unlisten = onAbort(signal, leave)
  }

  committed(receipt: Receipt): void {
    this.#settled = true
    this.#unlisten?.()
    this.#resolve(receipt)
  }

  failed(error: BatchFlowError): void {
    this.#settled = true
    this.#unlisten?.()
    this.#reject(error)
  }
}

/** What a promise calls as it is made: one function for all of them, as one each would be kept as long as the promise. */
function take(one: (receipt: Receipt) => void, other: (error: unknown) => void): void {
  resolve = one
  reject = other
}

let resolve: (receipt: Receipt) => void
let reject: (error: unknown) => void

function leftEarly(signal: AbortSignal | undefined): AbortedError {
  const message = 'write was aborted; the row had been accepted and will still be settled'
  return new AbortedError(message, signal?.reason, true)
}
