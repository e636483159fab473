import { Writable } from 'node:stream'
import { StreamFailedError } from '../contract/errors.ts'
import type { Row } from '../contract/table.ts'
import type { Waiter } from '../lanes/waiter.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'

type Callback = (error?: Error | null) => void

/** Submits what is written to it; one waiter for all its rows. */
export class RowWritable extends Writable implements Waiter {
  /** A source is held back, whatever the flow does with rows that come one by one. */
  readonly patient = true
  readonly #table: string
  readonly #offer: (row: Row, waiter: Waiter) => Promise<void>
  #accepted = 0
  #settled = 0
  #failed = 0
  #firstError: BatchFlowError | undefined
  #onSettled: (() => void) | undefined

  constructor(table: string, offer: (row: Row, waiter: Waiter) => Promise<void>) {
    super({ objectMode: true })
    this.#table = table
    this.#offer = offer
  }

  override _write(row: Row, _encoding: BufferEncoding, callback: Callback): void {
    this.#accepted++
    try {
      this.#offer(row, this).then(() => callback(), callback)
    } catch (error) {
      callback(error as BatchFlowError)
    }
  }

  override _final(callback: Callback): void {
    this.#onSettled = () => {
      if (this.#settled < this.#accepted) return
      const error = this.#failed === 0 ? null : new StreamFailedError(this.#table, this.#failed, this.#firstError)
      process.nextTick(callback, error) // it calls the listeners, and what they throw must not reach other rows
    }
    this.#onSettled()
  }

  committed(): void {
    this.#settled++
    this.#onSettled?.()
  }

  failed(error: BatchFlowError): void {
    this.#failed++
    this.#firstError ??= error
    this.committed()
  }
}
