import { RowFailedError } from '../contract/errors.ts'
import type { Table } from '../contract/table.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import type { Clock } from '../support/clock.ts'
import { Backoff } from './backoff.ts'
import { inTime, PATIENCE } from './in-time.ts'
import type { DeadLetterMessage } from './options.ts'
import type { DeadLetterReason, Message } from './source.ts'
import type { Troubles } from './troubles.ts'

export interface LettersHost {
  readonly clock: Clock
  readonly troubles: Troubles
  /** Aborted when the worker gives up what is under way. */
  readonly signal: AbortSignal
  readonly put: DeadLetterMessage
  /** Nothing more is begun. */
  readonly stopping: boolean
  /** The partition is gone. */
  readonly ended: boolean
  /** One came to its end. */
  done(): void
}

/** Puts messages of one partition aside, each for as long as it takes until that is durable. */
export class Letters {
  readonly #partition: string
  readonly #host: LettersHost
  readonly #backoff: Backoff
  /** How many are under way. */
  #open = 0

  constructor(partition: string, host: LettersHost) {
    this.#partition = partition
    this.#host = host
    this.#backoff = new Backoff(host.clock)
  }

  get isBusy(): boolean {
    return this.#open > 0
  }

  /** Resolves when `message` is put aside, with `false` when the partition is given back before. Never rejects. */
  async write(message: Message, why: DeadLetterReason): Promise<boolean> {
    const { troubles } = this.#host
    this.#open++
    try {
      while (!this.#host.ended) {
        try {
          await this.#once(message, why)
          troubles.end('dead-letter', this.#partition)
          this.#backoff.reset()
          return !this.#host.ended
        } catch (error) {
          troubles.begin('dead-letter', error, this.#partition)
        }
        if (this.#host.stopping) return false
        await this.#backoff.wait()
      }
      return false
    } finally {
      this.#open--
      this.#host.done()
    }
  }

  /** Nothing is tried again. */
  end(): void {
    this.#backoff.end()
  }

  /** Who never answers is asked again, and keeps nobody from closing. */
  #once(message: Message, why: DeadLetterReason): Promise<void> {
    const { clock, signal, put } = this.#host
    const hangs =
      `putting the message at position ${JSON.stringify(message.position)} aside took longer than ${PATIENCE} ms ` +
      '(deadLetter); it is called again'
    const act = async (limit: AbortSignal) => {
      limit.throwIfAborted()
      await put(this.#partition, message, why, { signal: limit })
    }
    return inTime(clock, signal, act, hangs)
  }
}

/** Why a message is put aside for a row that failed. Holds no value of the row. */
export function whyOf({ name }: Table, error: BatchFlowError): DeadLetterReason {
  if (!(error instanceof RowFailedError)) return { reason: 'invalid_data', table: name, message: error.message }
  const { reason, databaseCode, message } = error
  return { reason, table: name, message, ...(databaseCode !== undefined && { code: databaseCode }) }
}
