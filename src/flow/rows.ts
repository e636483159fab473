import { refuse } from '../support/options.ts'
import { ACCEPTED } from './intake.ts'

/** Rows one after the other: an array, a generator, a stream of objects. */
export type Rows<R> = Iterable<R> | AsyncIterable<R>

/**
 * Hands each row to `submit` and waits where that has to.
 *
 * @throws {OptionError} when `rows` are not rows one after the other; a single row, most often
 */
export async function eachRow<R>(owner: string, rows: Rows<R>, submit: (row: R) => Promise<void>): Promise<void> {
  const given: unknown = rows
  if (typeof given !== 'object' || given === null) refuse(`${owner}: rows`, WANTED, given)
  if (Symbol.asyncIterator in rows) {
    for await (const row of rows) await submit(row)
  } else if (Symbol.iterator in rows) {
    for (const row of rows) {
      const accepted = submit(row)
      if (accepted !== ACCEPTED) await accepted
    }
  } else refuse(`${owner}: rows`, WANTED, given)
}

const WANTED = 'an array or another iterable of rows, sync or async'
