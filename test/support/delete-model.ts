import { type Deletion, isDeletion } from '../../src/contract/deletion.ts'
import type { Table } from '../../src/contract/table.ts'
import { isNewer } from './newest-model.ts'

/** What a database keeps of one key: the meaning that all ways of writing rows and deletions have to keep. */
export function left<R extends object>(
  table: Table<R>,
  changes: readonly (R | Deletion<R>)[],
  before: R | undefined,
  write: (row: R, stored: R | undefined) => R | undefined,
): R | undefined {
  let stored = before
  for (const change of changes) {
    if (!isDeletion(change)) stored = write(change, stored)
    else if (stored === undefined || !stays(table, stored, change)) stored = undefined
  }
  return stored
}

function stays({ newer }: Pick<Table, 'newer'>, stored: object, deleted: object): boolean {
  return newer !== undefined && isNewer(Reflect.get(stored, newer), Reflect.get(deleted, newer))
}
