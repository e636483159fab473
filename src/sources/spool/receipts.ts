import type { DeadLetterReason } from '../../consume/source.ts'
import { RowFailedError } from '../../contract/errors.ts'
import { Queue } from '../../support/queue.ts'
import type { CommitListener } from './committer.ts'
import type { OpenMessage } from './group.ts'
import type { SettleListener } from './spool.ts'

interface Waiting {
  readonly table: string
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  /** Where its message is stored; 0 while it is not. */
  position: number
  failure: Error | undefined
}

/** Who waits for the database to have a row. Its message holds no other. */
export class Receipts implements CommitListener, SettleListener {
  readonly #unstored = new Map<OpenMessage, Waiting>()
  /** In the order of their positions. */
  readonly #stored: Queue<Waiting>[]

  constructor(partitions: number) {
    this.#stored = Array.from({ length: partitions }, () => new Queue<Waiting>())
  }

  /** Resolves when the database has the row; rejects when it was put aside. */
  expect(message: OpenMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { table: message.table, resolve, reject, position: 0, failure: undefined }
      this.#unstored.set(message, waiting)
    })
  }

  /** It was not stored. */
  refuse(message: OpenMessage, error: Error): void {
    this.#unstored.get(message)?.reject(error)
    this.#unstored.delete(message)
  }

  /** Nobody will hear of those that still wait. */
  end(error: Error): void {
    for (const { reject } of this.#unstored.values()) reject(error)
    this.#unstored.clear()
    for (const stored of this.#stored) {
      for (let waiting = stored.shift(); waiting !== undefined; waiting = stored.shift()) waiting.reject(error)
    }
  }

  stored(messages: readonly OpenMessage[], positions: readonly number[]): void {
    if (this.#unstored.size === 0) return
    for (const [i, message] of messages.entries()) {
      const waiting = this.#unstored.get(message)
      if (waiting === undefined) continue
      this.#unstored.delete(message)
      waiting.position = positions[i]!
      this.#stored[message.partition]!.push(waiting)
    }
  }

  settled(partition: number, position: number): void {
    const stored = this.#stored[partition]!
    for (let first = stored.first; first !== undefined && first.position <= position; first = stored.first) {
      stored.shift()
      if (first.failure === undefined) first.resolve()
      else first.reject(first.failure)
    }
  }

  putAside(partition: number, position: number, why: DeadLetterReason): void {
    for (const waiting of this.#stored[partition]!) {
      if (waiting.position === position) waiting.failure = failureOf(waiting.table, why)
      if (waiting.position >= position) return
    }
  }
}

/** How often it was tried the log does not tell. */
function failureOf(table: string, { reason, code, message }: DeadLetterReason): RowFailedError {
  const cause = new Error(message)
  return new RowFailedError(table, { reason, attempts: 1, cause, databaseCode: code, fault: 'row', ambiguous: false })
}
