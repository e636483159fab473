import { isDeletion } from '../contract/deletion.ts'
import type { Table } from '../contract/table.ts'
import { fieldOf } from '../support/field.ts'
import { compareVersions, type Merge } from './newest.ts'

/**
 * Merges rows and deletions of one key. A deletion takes the place of what comes before it, whatever that would have set: no row
 * is left, or one that is newer than both. A row behind a deletion has to come upon no row: columns it lacks would survive, and
 * what it adds be added to what was.
 *
 * @param merge of two rows
 */
export function mergeDeleting({ newer }: Pick<Table, 'newer'>, merge: Merge): Merge {
  return (first, second) => {
    if (!isDeletion(second)) return isDeletion(first) ? undefined : merge(first, second)
    if (newer === undefined) return second
    const order = compareVersions(fieldOf(second, newer), fieldOf(first, newer))
    if (order === undefined) return undefined
    // a deletion deletes what is as new as itself
    return order > 0 || (order === 0 && !isDeletion(first)) ? second : first
  }
}
