import { resolve } from 'node:path'
import type { BatchFlow } from '../flow/batch-flow.ts'
import { implementing, parse, text } from '../support/validate.ts'
import { DeadLetterFileError, fileError } from './errors.ts'
import { REPLAY, type ReplayOptions, type ReplaySummary, type ReplayTables, tablesByName } from './replay-options.ts'
import { ReplayRun } from './replay-run.ts'
import { Witness, witnesses } from './witness.ts'

const isFlow = implementing<BatchFlow>('a BatchFlow', 'write', 'flush')

/**
 * Submits the rows of a dead-letter file again, oldest first, and removes what is committed. Rows that fail again are
 * appended to `path` with their new reason, unless the flow's own handler has done that. Letters that come while it runs are
 * left for the next replay; the flow's handler may go on writing to the same path, in this process or another.
 *
 * What is done is saved in `path.replay`: a replay that was interrupted, by its signal, an error or `kill -9`, goes on from
 * there when it is called again. At most `window` rows that were committed just before a kill are then submitted twice: in
 * tables with a conflict action that changes nothing, others get them twice.
 *
 * A row is written as it was then: an `update` may put an old value in the place of a newer one.
 *
 * @param path as given to `deadLetterFile`
 * @param flow waited for, not closed
 * @param tables where rows go, by the table's name in their letters
 * @throws {OptionError}
 * @throws {DeadLetterFileError} when a letter's table is not among `tables`, a file cannot be read or written, a letter was
 * written by a later version, or a replay of the file is under way
 * @throws {ClosedError} when the flow was closed meanwhile
 */
export async function replayDeadLetters(
  path: string,
  flow: BatchFlow,
  tables: ReplayTables,
  options: ReplayOptions = {},
): Promise<ReplaySummary> {
  const owner = 'replayDeadLetters'
  const place = resolve(text(`${owner}: path`, path))
  const plan = {
    ...parse(owner, REPLAY, options),
    path: place,
    flow: isFlow(`${owner}: flow`, flow),
    tables: tablesByName(tables),
    witness: new Witness(),
  }
  if (witnesses.has(place)) throw new DeadLetterFileError(place, `${place} is being replayed already`)
  witnesses.set(place, plan.witness)
  try {
    return await new ReplayRun(plan).run()
  } catch (cause) {
    throw fileError(place, 'cannot replay', cause)
  } finally {
    witnesses.delete(place)
  }
}
