import { isUtf8 } from 'node:buffer'
import { isDeletion } from '../contract/deletion.ts'
import { AbandonedError, AbortedError, ClosedError, InvalidRowError, RowFailedError } from '../contract/errors.ts'
import { isIdempotent, type Row, type Table } from '../contract/table.ts'
import type { BatchFlow } from '../flow/batch-flow.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { show, type Values } from '../support/validate.ts'
import { DeadLetterFileError } from './errors.ts'
import { ambiguously, letterOf, lineOf, type StoredLetter } from './letter-line.ts'
import type { REPLAY } from './replay-options.ts'
import type { Witness } from './witness.ts'

export interface ReplayPlan extends Values<typeof REPLAY> {
  readonly path: string
  readonly flow: BatchFlow
  /** By the names in the letters. */
  readonly tables: ReadonlyMap<string, Table<Row>>
  readonly witness: Witness
}

/** What is decided about a line; `line` is what to keep of it, its line feed included. */
export type Settled =
  | { readonly is: 'committed' }
  /** Without a line where the flow's own handler has written one. */
  | { readonly is: 'failed'; readonly line: string | undefined }
  | { readonly is: 'kept'; readonly line: string }
  | { readonly is: 'torn'; readonly bytes: Buffer }

/** The flow takes no more rows. */
export type Outcome = Settled | { readonly is: 'refused'; readonly error: BatchFlowError }

/** Submits one letter after the other. */
export class Resubmission {
  readonly #plan: ReplayPlan

  constructor(plan: ReplayPlan) {
    this.#plan = plan
  }

  /** The outcome of a line, or why it and all behind it have to stay where they are. */
  of(bytes: Buffer): Promise<Outcome> | BatchFlowError {
    const line = `${bytes}\n`
    const letter = isUtf8(bytes) ? letterOf(line) : 'torn'
    if (letter === 'torn') return Promise.resolve({ is: 'torn', bytes })
    const { path, tables, unknownTable, ambiguous } = this.#plan
    if (letter === 'newer')
      return new DeadLetterFileError(path, `a letter of ${path} is from a later version of batchflow-otel`)
    const table = tables.get(letter.table)
    if (table === undefined && unknownTable === 'error') {
      return new DeadLetterFileError(path, `a letter of ${path} is of table ${show(letter.table)}, which was not given`)
    }
    const mayRepeat = table === undefined || isDeletion(letter.row) || isIdempotent(table)
    const mayDouble = letter.ambiguous && ambiguous === 'keep' && !mayRepeat
    if (table === undefined || mayDouble || letter.missing.length > 0) return Promise.resolve({ is: 'kept', line })
    return this.#submit(table, letter, line)
  }

  async #submit(table: Table<Row>, letter: StoredLetter, line: string): Promise<Outcome> {
    try {
      await this.#plan.flow.write(table, letter.row)
      return { is: 'committed' }
    } catch (error) {
      if (error instanceof ClosedError || error instanceof AbortedError) return { is: 'refused', error }
      if (error instanceof RowFailedError) return { is: 'failed', line: this.#failed(error, table, letter) }
      if (error instanceof InvalidRowError) return { is: 'failed', line }
      return { is: 'kept', line: error instanceof AbandonedError ? ambiguously(line) : line }
    }
  }

  #failed(error: RowFailedError, table: Table<Row>, { table: name, row }: StoredLetter): string | undefined {
    if (this.#plan.witness.hasSeen(error, row, table)) return undefined
    return lineOf({ table: name, row, error, ambiguous: error.ambiguous }, new Date().toISOString())
  }
}
