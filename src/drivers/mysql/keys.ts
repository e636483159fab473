import type { Table } from '../../contract/table.ts'
import { brand } from '../../support/brand.ts'
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
WHERE t.table_schema = COALESCE(?, DATABASE()) AND t.table_name = ? AND t.table_type = 'BASE TABLE'`

/** Whether the conflict keys are the columns of a unique index. */
export async function areIndexed(lease: Lease, table: Table, signal: AbortSignal): Promise<boolean> {
  const values = [table.path.at(-2) ?? null, table.path.at(-1)]
  const answer = lease.connection.query({ sql: QUESTION, values, rowsAsArray: true })
  const [rows] = await answerTo(lease, answer, signal)
  return fits(table, rows as unknown[][])
}

function fits({ keys }: Table, rows: readonly (readonly unknown[])[]): boolean {
  if (rows.length === 0) return true
  const indexes = new Map<unknown, Set<string>>()
  for (const [index, column] of rows) {
    const columns = indexes.get(index) ?? new Set()
    indexes.set(index, columns.add(String(column).toLowerCase()))
  }
  const wanted = keys.map((key) => key.toLowerCase())
  return [...indexes.values()].some(
    (columns) => columns.size === keys.length && wanted.every((key) => columns.has(key)),
  )
}
