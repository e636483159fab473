import type { Span } from '@opentelemetry/api'
import { AbortedError } from '../contract/errors.ts'
import type { Receipt, Waiter } from '../lanes/batch.ts'
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
    this.#left--
    if (this.#left === 0) this.#resolve?.()
  }

  failed(): void {
    this.committed()
  }

  settled(): Promise<void> {
    return this.#left === 0 ? Promise.resolve() : new Promise((resolve) => (this.#resolve = resolve))
  }
}

/** The outcome of each of many rows, without a promise for each. */
export class AllSettled {
  /** `undefined`: not settled yet. */
  readonly #results: (PromiseSettledResult<Receipt> | undefined)[] = []
  readonly #all = new AllWaiter()

  /** The waiter of the next row. */
  next(): Waiter {
    const results = this.#results
    const index = results.length
    const done = (result: PromiseSettledResult<Receipt>) => {
      results[index] = result
      this.#all.committed()
    }
    results.push(undefined)
    this.#all.expect(1)
    return {
      committed: (value) => done({ status: 'fulfilled', value }),
      failed: (reason) => done({ status: 'rejected', reason }),
    }
  }

  /** Waits until all are settled or `signal` is aborted, which is the outcome of those that are not settled then. */
  async results(signal: AbortSignal | undefined): Promise<PromiseSettledResult<Receipt>[]> {
    const settled = this.#all.settled()
    if (signal === undefined) await settled
    else await unlessAborted(settled, signal).catch(() => undefined)
    return Array.from(this.#results, (result) => result ?? { status: 'rejected', reason: leftEarly(signal) })
  }
}

/** The promise of `write`; a signal can end it early, once the row is accepted. */
export class PromiseWaiter implements Waiter {
  readonly span: Span | undefined
  readonly #resolve: (receipt: Receipt) => void
  readonly #reject: (error: BatchFlowError) => void
  #unlisten: (() => void) | undefined
  #settled = false

  constructor(resolve: (receipt: Receipt) => void, reject: (error: BatchFlowError) => void, span?: Span) {
    this.#resolve = resolve
    this.#reject = reject
    this.span = span
  }

  listen(signal: AbortSignal): void {
    if (this.#settled) return
    const leave = () => this.#reject(leftEarly(signal))
    if (signal.aborted) leave()
    else this.#unlisten = onAbort(signal, leave)
  }

  committed(receipt: Receipt): void {
    this.#end()
    this.#resolve(receipt)
  }

  failed(error: BatchFlowError): void {
    this.#end()
    this.#reject(error)
  }

  #end(): void {
    this.#settled = true
    this.#unlisten?.()
  }
}

function leftEarly(signal: AbortSignal | undefined): AbortedError {
  const message = 'write was aborted; the row had been accepted and will still be settled'
  return new AbortedError(message, signal?.reason, true)
}
