import { AbandonedError, type RowFailedError } from '../contract/errors.ts'
import type { Row } from '../contract/table.ts'
import type { BatchRun } from '../executor/batch-run.ts'
import type { Batch } from '../lanes/batch.ts'
import { unlessAborted } from '../support/abort.ts'
import { logError } from '../support/guard.ts'
import { counted } from '../support/text.ts'

/** A row that failed for good. */
export interface DeadLetter {
  readonly table: string
  /** The row as submitted; where rows of one conflict key were merged, the merged row. */
  readonly row: Row
  readonly error: RowFailedError
  /** The row may be in the table after all; the same as `error.ambiguous`. */
  readonly ambiguous: boolean
}

/**
 * Takes the failed rows of one batch, to keep them elsewhere; those too that `close()` gives up, whose error has an
 * `AbandonedError` as its `cause`. Rows count as dead letters when the handler returns, or its promise resolves. It is waited for: its rows keep their place in the buffer. So it must
 * not itself wait for this flow, which may have room for nothing else: write dead letters with a flow of their own.
 */
export type DeadLetterHandler = (letters: readonly DeadLetter[]) => void | Promise<void>

/** Hands rows that failed for good to the application, and warns where nobody would hear of them. */
export class DeadLetters {
  /** Rows the handler failed to take, the first ones; they are returned by `close()`. */
  readonly undelivered: DeadLetter[] = []
  readonly #handler: DeadLetterHandler | undefined
  readonly #most: number
  readonly #outOfTime = new AbortController()
  #warned = false

  /** @param most rows kept for `close()` when the handler fails */
  constructor(handler: DeadLetterHandler | undefined, most: number) {
    this.#handler = handler
    this.#most = most
  }

  /** Waits until the handler has the rows that failed or were abandoned, and says whether it has. Never rejects. */
  async take(run: BatchRun): Promise<boolean> {
    const letters = lettersOf(run)
    if (this.#handler !== undefined) return this.#hand(this.#handler, letters, run.batch)
    if (!letters.every(isAbandoned)) this.#warnIfUnheard(run)
    return false
  }

  /** No handler is waited for any longer. */
  stop(error: AbandonedError): void {
    this.#outOfTime.abort(error)
  }

  async #hand(handler: DeadLetterHandler, letters: readonly DeadLetter[], { metrics }: Batch): Promise<boolean> {
    try {
      this.#outOfTime.signal.throwIfAborted()
      const handed = handler(letters)
      if (handed !== undefined) await unlessAborted(Promise.resolve(handed), this.#outOfTime.signal)
      const counts = new Map<string, number>()
      for (const { error } of letters) counts.set(error.reason, (counts.get(error.reason) ?? 0) + 1)
      for (const [reason, rows] of counts) metrics?.countDeadLetters(reason, rows)
      return true
    } catch (error) {
      logError('the deadLetter handler failed; its rows are returned by close()', error)
      const failed = letters.filter((letter) => !isAbandoned(letter))
      this.undelivered.push(...failed.slice(0, this.#most - this.undelivered.length))
      const rows = `${counted(letters.length, 'row')} of table ${letters[0]!.table}`
      const where = failed.length > 0 ? 'undelivered' : 'abandonedRows'
      this.#warn(`the deadLetter handler failed for ${rows}; close() returns them as ${where}`, error)
      return false
    }
  }

  #warnIfUnheard({ batch, failures, reason, code, detail }: BatchRun): void {
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

function lettersOf({ batch, failures }: BatchRun): DeadLetter[] {
  const letters: DeadLetter[] = []
  for (const [index, error] of failures) {
    letters.push({ table: batch.table.name, row: batch.rows[index]!, error, ambiguous: error.ambiguous })
  }
  return letters
}
