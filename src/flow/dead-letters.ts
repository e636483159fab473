import { AbandonedError, type RowFailedError } from '../contract/errors.ts'
import type { Row } from '../contract/table.ts'
import type { BatchRun } from '../executor/batch-run.ts'
import type { Batch } from '../lanes/batch.ts'
import { unlessAborted } from '../support/abort.ts'
import { logError } from '../support/guard.ts'
import type { Limit } from '../support/limit.ts'
import { sizeOf } from '../support/size-of.ts'
import { counted } from '../support/text.ts'

/** A row that failed for good. */
export interface DeadLetter {
  readonly table: string
  /** The row, or the deletion (`isDeletion`), as submitted; where rows of one conflict key were merged, the merged row. */
  readonly row: Row
  readonly error: RowFailedError
  /** The row may be in the table after all; the same as `error.ambiguous`. */
  readonly ambiguous: boolean
  /** Ids of the span of its batch, where batches are traced. */
  readonly traceId?: string
  readonly spanId?: string
}

/**
 * Takes the failed rows of one batch, to keep them elsewhere; those too that `close()` gives up, whose error has an
 * `AbandonedError` as its `cause`. Rows count as dead letters when the handler returns, or its promise resolves. It is waited for: its rows keep their place in the buffer. So it must
 * not itself wait for this flow, which may have room for nothing else: write dead letters with a flow of their own.
 */
export type DeadLetterHandler = (letters: readonly DeadLetter[]) => void | Promise<void>

const flows = new WeakMap<DeadLetter, object>()

/** The flow whose row it is. */
export function flowOf(letter: DeadLetter): object | undefined {
  return flows.get(letter)
}

/** A batch of which rows failed, and why. */
export type FailedRows = Pick<BatchRun, 'batch' | 'failures' | 'reason' | 'code' | 'detail'> &
  Partial<Pick<BatchRun, 'ids'>>

/** Hands rows that failed for good to the application, and warns where nobody would hear of them. */
export class DeadLetters {
  /** Rows the handler failed to take, the first ones; they are returned by `close()`. */
  readonly undelivered: DeadLetter[] = []
  readonly #handler: DeadLetterHandler | undefined
  readonly #most: Limit
  #undeliveredBytes = 0
  readonly #flow: object
  readonly #outOfTime = new AbortController()
  #warned = false

  /** @param most what is kept for `close()` when the handler fails */
  constructor(handler: DeadLetterHandler | undefined, most: Limit, flow: object) {
    this.#handler = handler
    this.#most = most
    this.#flow = flow
  }

  /**
   * Hands over the rows that failed or were abandoned, and says whether the handler has them: now, or by a promise that
   * never rejects.
   */
  take(failed: FailedRows): boolean | Promise<boolean> {
    const letters = lettersOf(failed)
    if (this.#handler !== undefined) return this.#hand(this.#handler, letters, failed.batch)
    if (!letters.every(isAbandoned)) this.#warnIfUnheard(failed)
    return false
  }

  /** No handler is waited for any longer. */
  stop(error: AbandonedError): void {
    this.#outOfTime.abort(error)
  }

  #hand(handler: DeadLetterHandler, letters: readonly DeadLetter[], batch: Batch): boolean | Promise<boolean> {
    for (const letter of letters) flows.set(letter, this.#flow)
    try {
      this.#outOfTime.signal.throwIfAborted()
      const handed: unknown = handler(letters)
      if (isThenable(handed)) return this.#await(handed, letters, batch)
      count(letters, batch)
      return true
    } catch (error) {
      return this.#keep(letters, batch, error)
    }
  }

  async #await(handed: PromiseLike<unknown>, letters: readonly DeadLetter[], batch: Batch): Promise<boolean> {
    try {
      await unlessAborted(Promise.resolve(handed), this.#outOfTime.signal)
      count(letters, batch)
      return true
    } catch (error) {
      return this.#keep(letters, batch, error)
    }
  }

  /** The handler failed to take them. */
  #keep(letters: readonly DeadLetter[], { table }: Batch, error: unknown): false {
    logError('the deadLetter handler failed; its rows are returned by close()', error)
    const failed = letters.filter((letter) => !isAbandoned(letter))
    for (const letter of failed) {
      const bytes = sizeOf(letter.row, table.columns)
      if (!this.#most.admits(this.undelivered.length, this.#undeliveredBytes, bytes)) break
      this.undelivered.push(letter)
      this.#undeliveredBytes += bytes
    }
    const rows = `${counted(letters.length, 'row')} of table ${table.name}`
    const where = failed.length > 0 ? 'undelivered' : 'abandonedRows'
    this.#warn(`the deadLetter handler failed for ${rows}; close() returns them as ${where}`, error)
    return false
  }

  #warnIfUnheard({ batch, failures, reason, code, detail }: FailedRows): void {
    const awaited = batch.awaited()
    const unheard = Array.from(failures.keys()).filter((index) => !awaited.has(index)).length
    if (unheard === 0) return
    const why = [reason, code, detail].filter((text) => text !== undefined).join(', ')
    this.#warn(
      `${counted(unheard, 'row')} of table ${batch.table.name} failed (${why}) and nobody was told: ` +
        'give BatchFlow a deadLetter handler, or use write()',
    )
  }

  /** Once per flow: the metrics count every further one. */
  #warn(message: string, cause?: unknown): void {
    if (this.#warned) return
    this.#warned = true
    const warning = new Error(message, { cause })
    process.emitWarning(Object.assign(warning, { name: 'BatchFlowWarning', code: 'BATCHFLOW_ROWS_FAILED' }))
  }
}

/** What nobody takes is among the `abandonedRows` already. */
function isAbandoned({ error }: DeadLetter): boolean {
  return error.cause instanceof AbandonedError
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function'
}

function count(letters: readonly DeadLetter[], { metrics }: Batch): void {
  if (metrics === undefined) return
  const counts = new Map<string, number>()
  for (const { error } of letters) counts.set(error.reason, (counts.get(error.reason) ?? 0) + 1)
  for (const [reason, rows] of counts) metrics.countDeadLetters(reason, rows)
}

function lettersOf({ batch, failures, ids = {} }: FailedRows): DeadLetter[] {
  const letters: DeadLetter[] = []
  for (const [index, error] of failures) {
    letters.push({ table: batch.table.name, row: batch.rows[index]!, error, ambiguous: error.ambiguous, ...ids })
  }
  return letters
}
