import type { Table } from '../../contract/table.ts'
import { brand } from '../../support/brand.ts'
import { indexesOf } from '../kit/indexes.ts'
import { answerTo } from '../kit/lease.ts'
import type { Lease } from './connection.ts'

/** Without such an index no row would ever meet another, and an update would silently append. */
export class MissingIndexError extends Error {
  static {
    brand(MissingIndexError, 'missing-index-error')
  }

  constructor({ name, keys }: Table) {
    super(`table ${JSON.stringify(name)} has no unique index of the columns ${keys.join(', ')}, which onConflict names`)
    this.name = 'MissingIndexError'
  }
}

/** No row for a view, or a table that is not there: about those the server will say something itself. */
const QUESTION = `
SELECT s.index_name, s.column_name
FROM information_schema.tables t LEFT JOIN information_schema.statistics s
  ON s.table_schema = t.table_schema AND s.table_name = t.table_name AND s.non_unique = 0
WHERE t.table_schema = COALESCE(?, DATABASE()) AND t.table_name = ? AND t.table_type = 'BASE TABLE'
ORDER BY s.index_name <> 'PRIMARY', s.index_name, s.seq_in_index`

/** Database and table; without a database, the one of the connection. */
export function placeOf({ path }: Table): readonly unknown[] {
  return [path.at(-2) ?? null, path.at(-1)]
}

/** The columns of each, the primary key first; `undefined` for a view. */
export async function uniqueIndexes(
  lease: Lease,
  table: Table,
  signal: AbortSignal,
): Promise<readonly (readonly string[])[] | undefined> {
  const answer = lease.connection.query({ sql: QUESTION, values: placeOf(table), rowsAsArray: true })
  const [rows] = await answerTo(lease, answer, signal)
  const found = rows as [index: unknown, column: unknown][]
  return found.length === 0 ? undefined : indexesOf(found.filter(([index]) => index !== null))
}

/** Whether the conflict keys are the columns of a unique index. */
export async function areIndexed(lease: Lease, table: Table, signal: AbortSignal): Promise<boolean> {
  const indexes = await uniqueIndexes(lease, table, signal)
  const wanted = table.keys.map((key) => key.toLowerCase())
  const fits = (columns: readonly string[]) => {
    const folded = new Set(columns.map((column) => column.toLowerCase()))
    return folded.size === wanted.length && wanted.every((key) => folded.has(key))
  }
  return indexes === undefined || indexes.some(fits)
}
