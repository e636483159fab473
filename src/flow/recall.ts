import { RowFailedError } from '../contract/errors.ts'
import type { Batch } from '../lanes/batch.ts'
import type { Lane } from '../lanes/lane.ts'
import type { Outcomes } from './outcomes.ts'

/**
 * Rows of `batch` come again: those that wait behind them come again with them, so that none overtakes them. Returns those, as
 * a batch that is over.
 */
export function recall(lane: Lane, { keptFor, behind }: Batch, outcomes: Outcomes): Batch | undefined {
  if (keptFor === undefined) return undefined
  const recalled = lane.recall(behind)
  if (recalled === undefined) return undefined
  const { table, reason, cause, databaseCode } = keptFor
  const detail = 'rows before it come again, and it comes behind them'
  const error = new RowFailedError(table, {
    reason,
    attempts: 0,
    cause,
    databaseCode,
    fault: 'place',
    ambiguous: false,
    detail,
  })
  const failures = new Map(recalled.rows.map((_, index) => [index, error]))
  recalled.keep(failures)
  outcomes.drop(lane, { batch: recalled, failures, reason, code: databaseCode, detail }, false)
  return recalled
}
