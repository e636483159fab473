import type { Span } from '@opentelemetry/api'
import type { Receipt, Waiter } from './batch.ts'
import { AbortedError, type BatchFlowError } from './errors.ts'

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
  readonly #results: PromiseSettledResult<Receipt>[] = []
  readonly #all = new AllWaiter()

  /** The waiter of the next row. */
  next(): Waiter {
    const results = this.#results
    const index = results.length
    const done = (result: PromiseSettledResult<Receipt>) => {
      results[index] = result
      this.#all.committed()
    }
    results.push(undefined as never) // its place; settled before anybody can see it
    this.#all.expect(1)
    return {
      committed: (value) => done({ status: 'fulfilled', value }),
      failed: (reason) => done({ status: 'rejected', reason }),
    }
  }

  async results(): Promise<PromiseSettledResult<Receipt>[]> {
    await this.#all.settled()
    return this.#results
  }
}

/** The promise of `write`; a signal can end it early, once the row is accepted. */
export class PromiseWaiter implements Waiter {
  readonly span: Span | undefined
  readonly #resolve: (receipt: Receipt) => void
  readonly #reject: (error: BatchFlowError) => void
  #signal: AbortSignal | undefined
  #listener: (() => void) | undefined
  #settled = false

  constructor(resolve: (receipt: Receipt) => void, reject: (error: BatchFlowError) => void, span?: Span) {
    this.#resolve = resolve
    this.#reject = reject
    this.span = span
  }

  listen(signal: AbortSignal): void {
    if (this.#settled) return
    this.#signal = signal
    this.#listener = () => this.#onAbort()
    if (signal.aborted) this.#onAbort()
    else signal.addEventListener('abort', this.#listener, { once: true })
  }

  committed(receipt: Receipt): void {
    this.#unlisten()
    this.#resolve(receipt)
  }

  failed(error: BatchFlowError): void {
    this.#unlisten()
    this.#reject(error)
  }

  #onAbort(): void {
    const message = 'write was aborted; the row had been accepted and will still be settled'
    this.#reject(new AbortedError(message, this.#signal?.reason, true))
  }

  #unlisten(): void {
    this.#settled = true
    if (this.#listener !== undefined) this.#signal?.removeEventListener('abort', this.#listener)
  }
}
