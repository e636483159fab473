import type { Table } from '../../contract/table.ts'
import { OptionError } from '../../support/batchflow-error.ts'
import { combined, isNewer, isNotNewer, namedIn, quotingWith, setOf } from '../kit/sql.ts'

const { quoteIdentifier, quotePath, quoteList } = quotingWith('`')

/** How the row that could not be inserted is spoken of: `VALUES(c)`, or `alias.c` since MySQL 8.0.20 deprecates it. */
export type Dialect = 'values' | 'alias'

/** Not a name any column has: an alias stands among the columns' tables. */
const ALIAS = '`batchflow new`'

/** The parts of a statement around its rows. */
export interface InsertText {
  readonly before: string
  readonly row: string
  readonly after: string
}

export function insertText(table: Table, columns: readonly string[], dialect: Dialect): InsertText {
  return {
    before: `INSERT INTO ${quotePath(table.path)} (${quoteList(columns)}) VALUES `,
    row: `(${columns.map(() => '?').join(', ')})`,
    after: onConflict(table, columns, dialect),
  }
}

export function insertSql({ before, row, after }: InsertText, rows: number): string {
  return `${before}${row}${`, ${row}`.repeat(rows - 1)}${after}`
}

/** What an insert of such rows needs of tables and rights, with no row. `VALUES()` is understood everywhere in this form. */
export function probeSql(table: Table, columns: readonly string[]): string {
  const none = columns.map(() => 'NULL').join(', ')
  const insert = `INSERT INTO ${quotePath(table.path)} (${quoteList(columns)})`
  return `${insert} SELECT ${none} FROM DUAL WHERE FALSE${onConflict(table, columns, 'values')}`
}

/**
 * Deletes rows by their keys, unless they are newer.
 *
 * @param values how a parameter is compared with each of the keys, and with the version
 * @param rows none: what such a delete needs of tables and rights
 */
export function deleteSql({ path, keys, newer }: Table, values: readonly string[], rows: number): string {
  const from = `DELETE FROM ${quotePath(path)} WHERE `
  const names = newer === undefined ? keys : [...keys, newer]
  if (rows === 0) return `${from}FALSE AND ${names.map((name) => `${quoteIdentifier(name)} IS NULL`).join(' AND ')}`
  if (names.length === 1)
    return `${from}${quoteIdentifier(names[0]!)} IN (${values[0]}${`, ${values[0]}`.repeat(rows - 1)})`
  const conditions = keys.map((key, i) => `${quoteIdentifier(key)} = ${values[i]}`)
  if (newer !== undefined) conditions.push(isNotNewer(quoteIdentifier(newer), values.at(-1)!))
  const row = `(${conditions.join(' AND ')})`
  return `${from}${row}${` OR ${row}`.repeat(rows - 1)}`
}

/**
 * Always ON DUPLICATE KEY UPDATE. `INSERT IGNORE` would swallow bad values and missing parents beside duplicate keys, and
 * `REPLACE` deletes: rows that refer to the old one, columns that are not written and generated keys would be lost.
 */
function onConflict(table: Table, columns: readonly string[], dialect: Dialect): string {
  if (table.action === 'error') return ''
  // An alias has no columns that are not written. `DEFAULT(c)` MySQL refuses for expressions, and takes for NULL where it is the time.
  const incoming = (column: string) =>
    dialect === 'alias' && columns.includes(column)
      ? `${ALIAS}.${quoteIdentifier(column)}`
      : `VALUES(${quoteIdentifier(column)})`
  const alias = dialect === 'alias' ? ` AS ${ALIAS}` : ''
  if (table.sql !== undefined) return `${alias} ${UPDATE} ${ownAssignments(table, incoming).join(', ')}`
  const set = setOf(table, columns)
  const { newer } = table
  const become = (column: string) =>
    combined(table.combine?.get(column), incoming(column), `${quotePath(table.path)}.${quoteIdentifier(column)}`)
  const assignments = [
    conflictGuard(table, incoming),
    ...(newer === undefined
      ? set.map((column) => `${quoteIdentifier(column)} = ${become(column)}`)
      : onlyNewer(table, newer, set, { incoming, become })),
  ]
  return `${alias} ${UPDATE} ${assignments.join(', ')}`
}

const UPDATE = 'ON DUPLICATE KEY UPDATE'

/** Those of a clause of one's own, behind what keeps it from changing a stranger. */
function ownAssignments(table: Table, incoming: (column: string) => string): string[] {
  const stored = quotePath(table.path)
  const existing = (column: string) => `${stored}.${quoteIdentifier(column)}`
  const clause = namedIn(table.sql!, { table: stored, column: quoteIdentifier, incoming, existing })
  const [, assignments] = /^on\s+duplicate\s+key\s+update\s(.+)$/is.exec(clause) ?? []
  if (assignments !== undefined) return [conflictGuard(table, incoming), assignments]
  throw new OptionError(`table ${JSON.stringify(table.name)}: onConflict.sql must begin with ${UPDATE} here`)
}

/**
 * Assignments take effect one after the other, so the version, which all of them ask for, comes last. MySQL has no condition
 * for the whole; a row none of whose columns change counts as unchanged. The last of them also says that a row changed nothing, see
 * `UNCHANGED`.
 */
function onlyNewer(
  { path }: Table,
  newer: string,
  set: readonly string[],
  { incoming, become }: Readonly<Record<'incoming' | 'become', (column: string) => string>>,
): string[] {
  const existing = (column: string) => `${quotePath(path)}.${quoteIdentifier(column)}`
  const condition = isNewer(incoming(newer), existing(newer))
  const assign = (column: string, old: string) =>
    `${quoteIdentifier(column)} = IF(${condition}, ${become(column)}, ${old})`
  const others = set.filter((column) => column !== newer)
  const version = existing(newer)
  const sign = `IF(LAST_INSERT_ID(IF(${version} IS NULL, ${UNCHANGED}, ${UNCHANGED})), ${version}, ${version})`
  return [...others.map((column) => assign(column, existing(column))), assign(newer, sign)]
}

/**
 * The server calls this the id it inserted last when a row changed nothing. Of a single row it tells nothing else to clients that
 * count rows found (`CLIENT_FOUND_ROWS`, which `mysql2` sets): inserted or left as it was, one row was affected. No table
 * has counted so far. The column around it keeps servers from working it out ahead of time.
 */
export const UNCHANGED = Number.MAX_SAFE_INTEGER

/**
 * Leaves the key as it is, which is also how nothing at all is updated. There is no conflict target in MySQL: a row meets
 * whichever row shares any unique key with it. When that is not the row of its own key, the statement has to fail (1242)
 * and not to change a stranger. Both branches are the key, as MariaDB lets some types (UUID, INET6) meet no other (4078).
 */
function conflictGuard({ path, columns, keys }: Table, incoming: (column: string) => string): string {
  const existing = (column: string) => `${quotePath(path)}.${quoteIdentifier(column)}`
  const first = keys[0] ?? columns[0]!
  if (keys.length === 0) return `${quoteIdentifier(first)} = ${existing(first)}`
  const same = keys.map((key) => `${existing(key)} <=> ${incoming(key)}`).join(' AND ')
  return `${quoteIdentifier(first)} = IF(${same} OR (SELECT 1 UNION ALL SELECT 2), ${existing(first)}, ${existing(first)})`
}
