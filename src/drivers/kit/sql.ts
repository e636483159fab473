import type { Combine, ConflictSql, Table } from '../../contract/table.ts'

/** How names stand in the SQL of one database. */
export interface Quoting {
  quoteIdentifier(name: string): string
  /** `app.users` */
  quotePath(path: readonly string[]): string
  /** `id, name` */
  quoteList(names: readonly string[]): string
}

/** @param quote stands around each name, and twice for itself inside one */
export function quotingWith(quote: string): Quoting {
  const quoteIdentifier = (name: string) => `${quote}${name.replaceAll(quote, quote + quote)}${quote}`
  return {
    quoteIdentifier,
    quotePath: (path) => path.map(quoteIdentifier).join('.'),
    quoteList: (names) => names.map(quoteIdentifier).join(', '),
  }
}

/** As in standard SQL; PostgreSQL and SQLite follow it. */
export const { quoteIdentifier, quotePath, quoteList } = quotingWith('"')

/** What stands for an operator between two values of a column. */
export type OperatorOf = (column: string, operator: Operator) => string
export type Operator = '<' | '=' | '>'

const itself: OperatorOf = (_, operator) => operator

/** The `ON CONFLICT` clause of PostgreSQL, which SQLite took over. `columns`: those the rows of this statement have. */
export function onConflict(table: Table, columns: readonly string[], operatorOf = itself): string {
  if (table.action === 'error') return ''
  if (table.sql !== undefined) return ownClause(table.path, table.sql)
  const target = table.keys.length === 0 ? '' : ` (${quoteList(table.keys)})`
  const set = setOf(table, columns)
  if (set.length === 0) return ` ON CONFLICT${target} DO NOTHING`
  const stored = quoteIdentifier(table.path.at(-1)!)
  const assignments = set.map((name) => {
    const column = quoteIdentifier(name)
    const values = [`excluded.${column}`, `${stored}.${column}`] as const
    return `${column} = ${combined(table.combine?.get(name), ...values, (operator) => operatorOf(name, operator))}`
  })
  return ` ON CONFLICT${target} DO UPDATE SET ${assignments.join(', ')}${onlyNewer(table, operatorOf)}`
}

function ownClause(path: readonly string[], sql: ConflictSql): string {
  const stored = quoteIdentifier(path.at(-1)!)
  const column = quoteIdentifier
  const incoming = (name: string) => `excluded.${column(name)}`
  return ` ${namedIn(sql, { table: stored, column, incoming, existing: (name) => `${stored}.${column(name)}` })}`
}

/** How a clause of one's own speaks of things. */
export interface Words {
  readonly table: string
  column(name: string): string
  incoming(name: string): string
  existing(name: string): string
}

/** A clause of one's own with names in place of what stands for them, and without a semicolon: it may go among other statements. */
export function namedIn(sql: ConflictSql, { table, column, incoming, existing }: Words): string {
  const by = { column, new: incoming, old: existing }
  const piece = (one: ConflictSql[number]) =>
    typeof one === 'string' ? one : one.is === 'table' ? table : by[one.is](one.property)
  return sql
    .map(piece)
    .join('')
    .trim()
    .replace(/[\s;]+$/, '')
}

function onlyNewer({ path, newer }: Table, operatorOf: OperatorOf): string {
  if (newer === undefined) return ''
  const column = quoteIdentifier(newer)
  return ` WHERE ${isNewer(`excluded.${column}`, `${quoteIdentifier(path.at(-1)!)}.${column}`, operatorOf(newer, '>'))}`
}

/** Of columns that are not written a `replace` sets those, too: `excluded` has their DEFAULT. */
export function setOf({ action, set }: Table, columns: readonly string[]): readonly string[] {
  return action === 'replace' ? set : set.filter((column) => columns.includes(column))
}

/** A deletion deletes the row it meets, unless that is newer. */
export function isNotNewer(existing: string, deletion: string, greater = '>'): string {
  return `(${existing} ${greater} ${deletion}) IS NOT TRUE`
}

/** What a column becomes, out of the value that comes and the one that is there. NULL is nothing. */
export function combined(
  how: Combine | undefined,
  incoming: string,
  existing: string,
  operatorOf = (operator: Operator): string => operator,
): string {
  if (how === undefined) return incoming
  if (how === 'add') return `COALESCE(${existing} + ${incoming}, ${incoming}, ${existing})`
  const isBetter = `${incoming} ${operatorOf(how === 'max' ? '>' : '<')} ${existing}`
  return `CASE WHEN ${existing} IS NULL OR ${isBetter} THEN ${incoming} ELSE ${existing} END`
}

/** No version is older than every other, and not newer than none. */
export function isNewer(incoming: string, existing: string, greater = '>'): string {
  return `${incoming} ${greater} ${existing} OR (${existing} IS NULL AND ${incoming} IS NOT NULL)`
}
