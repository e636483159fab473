import type { BatchInput } from '../../contract/driver.ts'
import { columnsOf, inColumns } from '../../contract/table.ts'
import { deleteSql, insertSql } from './sql.ts'

/** As many parameters as a statement may have in every SQLite ("Implementation Limits For SQLite", 9). */
const MOST_PARAMETERS = 999

/** Rows of one statement: some in one go take half the time of as many by themselves, and more do not take less. */
const SIZES = [50, 8, 1]

/** A statement of several rows. */
export interface Group {
  readonly rows: number
  readonly sql: string
}

/** The statements of one table and list of columns. */
export class Form {
  /** Of one row. */
  readonly sql: string
  /** Values of one row. */
  readonly width: number
  /** The largest first, that of one row last. */
  readonly groups: readonly Group[]
  /** It is to be told which rows change nothing. */
  readonly counts: boolean

  readonly name: 'INSERT' | 'DELETE'

  constructor({ table, columns, deletions = false }: Omit<BatchInput, 'rows'>) {
    this.name = deletions ? 'DELETE' : 'INSERT'
    this.width = columns.length
    this.counts = table.newer !== undefined && !deletions
    const most = Math.max(1, Math.floor(MOST_PARAMETERS / this.width))
    const sizes = new Set(SIZES.map((size) => Math.min(size, most)))
    const [stored, names] = [inColumns(table), columnsOf(table, columns)]
    const sqlOf = (rows: number) => (deletions ? deleteSql(stored, rows) : insertSql(stored, names, rows))
    this.groups = Array.from(sizes, (rows) => ({ rows, sql: sqlOf(rows) }))
    this.sql = this.groups.at(-1)!.sql
  }
}
