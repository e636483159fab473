import { isTable, type Row, type Table } from '../contract/table.ts'
import type { BatchFlow } from '../flow/batch-flow.ts'
import { type DeadLetter, type DeadLetterHandler, flowOf } from '../flow/dead-letters.ts'
import { OptionError } from '../support/batchflow-error.ts'
import { callback, implementing } from '../support/validate.ts'
import { rowText } from './letter-line.ts'

/**
 * A dead letter as a row, unless you map it otherwise. A table that has but some of the columns says so:
 * `defineTable<Pick<DeadLetterRow, 'table_name' | 'row'>>`.
 */
export interface DeadLetterRow {
  readonly table_name: string
  /** The row as JSON text, values that JSON does not know as in a dead-letter file: `{"id":{"$bigint":"1"}}`; a deletion is `{"$delete":{"id":1}}`. */
  readonly row: string
  readonly reason: string
  /** The database's own code; `null` where it gave none. */
  readonly code: string | null
  /** Whether the row (`row`) or its table (`place`) was at fault. */
  readonly fault: string
  /** The row may be in its table after all. */
  readonly ambiguous: boolean
  readonly attempts: number
  /** Ids of its batch's span; `null` where batches are not traced. */
  readonly trace_id: string | null
  readonly span_id: string | null
  readonly failed_at: Date
}

const isFlow = implementing<BatchFlow>('a BatchFlow', 'writeMany')

/**
 * Writes rows that failed for good into a table, or a stream, of dead letters: a `deadLetter` handler, which resolves when
 * they are committed and rejects when any is not.
 *
 * @param flow must not be the one whose rows fail: that one waits for its handler. It is waited for, not closed: close it last
 * @param map what to write of a letter. By default the columns of {@link DeadLetterRow}
 * @throws {OptionError} from the handler, too, when `flow` itself hands it a letter
 */
export function deadLetterTo(flow: BatchFlow, table: Table<DeadLetterRow>): DeadLetterHandler
export function deadLetterTo<R extends Row>(
  flow: BatchFlow,
  table: Table<R>,
  map: (letter: DeadLetter) => NoInfer<R>,
): DeadLetterHandler
export function deadLetterTo(
  flow: BatchFlow,
  table: Table,
  map: (letter: DeadLetter) => Row = deadLetterRow,
): DeadLetterHandler {
  const target = isFlow('deadLetterTo: flow', flow)
  const toRow = callback<typeof map>()('deadLetterTo: map', map)
  const into = isTable('deadLetterTo: table', table)
  return async (letters) => {
    if (letters.some((letter) => flowOf(letter) === target)) {
      throw new OptionError('deadLetterTo: flow must not be the flow whose rows fail, which waits for its handler')
    }
    const outcomes = await target.writeMany(into, letters.map(toRow))
    const refused = outcomes.find(({ status }) => status === 'rejected')
    if (refused?.status === 'rejected') throw refused.reason
  }
}

function deadLetterRow({ table, row, error, ambiguous, traceId, spanId }: DeadLetter): DeadLetterRow {
  const { reason, databaseCode, fault, attempts } = error
  return {
    table_name: table,
    row: rowText(row),
    reason,
    code: databaseCode ?? null,
    fault,
    ambiguous,
    attempts,
    trace_id: traceId ?? null,
    span_id: spanId ?? null,
    failed_at: new Date(),
  }
}
