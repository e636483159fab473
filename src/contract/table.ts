import { OptionError } from '../support/batchflow-error.ts'
import {
  boolean,
  type Check,
  type OptionsOf,
  optional,
  parse,
  record,
  refuse,
  required,
  show,
} from '../support/validate.ts'
import { type Absent, absentOrColumns, defaultsOf } from './absent.ts'
import { type ColumnNames, columnsOrNames, namesOf } from './columns.ts'
import { type Combine, type ConflictAction, conflictOf, type OnConflict } from './conflict.ts'
import { type ConflictSql, sqlInColumns } from './conflict-sql.ts'
import type { NamesEveryRequiredProperty, RequiredOf } from './required-columns.ts'
import type { ColumnOf, Row } from './row.ts'

export type { Absent } from './absent.ts'
export type { ColumnUpdate, ColumnUpdateOf, ColumnUpdates, Combine, ConflictAction, OnConflict } from './conflict.ts'
export type { ConflictSql, SqlName } from './conflict-sql.ts'
export type { ColumnOf, Row } from './row.ts'

export interface TableOptions<R extends Row> {
  /**
   * Columns written, in this order. Where properties are not named like columns, an object says which goes where:
   * `{ id: 'id', createdAt: 'created_at' }`; everything else then speaks of properties. A required property that is not listed does not
   * compile; optional ones that are not are left alone. What is not to be written goes from the type:
   * `defineTable<Omit<User, 'password'>>`.
   */
  readonly columns: (readonly ColumnOf<R>[] & NamesEveryRequiredProperty<RequiredOf<R>>) | ColumnNames<NoInfer<R>>
  /** What becomes of a row that meets one that is there already: see {@link OnConflict}. @default { action: 'error' } */
  readonly onConflict?: OnConflict<R>
  /**
   * What is written where a row has no such property, or `undefined`: NULL, or the column's DEFAULT, as for an identity or a time of
   * creation. For all columns, or for those that are named; not for the one that `newer` names. An `update` leaves columns of a
   * row that is there alone in either case, and gives a new row their DEFAULT. @default 'null'
   */
  readonly absent?: Absent | { readonly [P in ColumnOf<NoInfer<R>>]?: Absent }
  /**
   * Rows may be deleted by their conflict keys: `flow.delete(table, key)`, or `deletion(key)` among rows. Where `onConflict` has
   * `newer`, a deletion has a version, too, and leaves a row alone that is newer. @default false
   */
  readonly deletes?: boolean
}

/**
 * A table rows can be submitted to. Frozen; made by {@link defineTable}. `Table` by itself is a table of any rows. `K`: the
 * properties that tell which row is to be deleted, see {@link DeletionKey}.
 */
export interface Table<R extends Row = never, K extends string = string> {
  /** The name as written: `users`, or schema-qualified `app.users`. Also the `table` attribute of every metric. */
  readonly name: string
  /** The name split at its dots, unquoted: `['app', 'users']`. */
  readonly path: readonly string[]
  /** Properties of rows that are written. Each is named like its column, unless `names` says otherwise. */
  readonly columns: readonly string[]
  /** The columns that `columns`, `keys`, `set` and `newer` stand for, where any has another name. See {@link columnOf}. */
  readonly names?: ReadonlyMap<string, string> | undefined
  readonly action: ConflictAction
  /** Conflict keys; empty when there are none. */
  readonly keys: readonly string[]
  /** Columns a conflicting row overwrites; empty for `error`, `ignore` and `sql`. */
  readonly set: readonly string[]
  /** The column that tells which of two rows is the newer one, where a row that is not changes nothing. One of `set`. */
  readonly newer?: string | undefined
  /** How columns of `set` become one with what is stored; those that are not in it are replaced. */
  readonly combine?: ReadonlyMap<string, Combine> | undefined
  /** The conflict clause of one's own, in pieces; only for `sql`. */
  readonly sql?: ConflictSql | undefined
  /** Those of `columns` that take their DEFAULT where a row does not have them. */
  readonly defaults: readonly string[]
  /** What a deletion has: the keys, and `newer` where there is one. `undefined`: the table takes none. */
  readonly deletes?: readonly string[] | undefined
  /** Equal for equal definitions; rows of equal definitions share one lane. */
  readonly id: string
  /** Carries the row type; never present at run time. */
  readonly '~row'?: (row: R) => void
  /** Carries what deletions have; never present at run time. */
  readonly '~key'?: K
}

/**
 * Describes a table once, with the type of its rows.
 *
 * A dot in `name` separates schema and table; quote a part that contains one: `app."odd.name"`.
 *
 * With `deletes`, `defineTable<User, 'id'>` has `tsc` see to it that deletions have these properties: the conflict keys, and the one
 * that `newer` names.
 *
 * @throws {OptionError} naming the option and the value it received
 */
export function defineTable<R extends Row, K extends ColumnOf<R> = never>(
  name: string,
  options: TableOptions<R>,
): Table<R, [K] extends [never] ? string : K> {
  const owner = `defineTable(${show(name)})`
  const path = pathOf('defineTable: name', name)
  const { columns: given, onConflict, absent, deletes: may } = parse(owner, TABLE, options === undefined ? {} : options)
  const { columns, names } = namesOf(given)
  const { action, keys, set, newer, combine, sql } = conflictOf(owner, onConflict, columns)
  const defaults = defaultsOf(`${owner}: absent`, absent, columns, newer)
  const deletes = may ? deletedBy(owner, keys, newer) : undefined
  const more = [newer, names && [...names.values()], combine && [...combine], orNone(defaults), sql, may || undefined]
  while (more.length > 0 && more.at(-1) === undefined) more.pop()
  const id = JSON.stringify([path, columns, action, keys, set, ...more])
  const table = { name, path, columns, names, action, keys, set, newer, combine, sql, defaults, deletes, id }
  for (const list of [path, columns, keys, set, defaults, sql, deletes]) Object.freeze(list)
  return Object.freeze(table)
}

/** A list of its own: drivers tell by it that rows are deletions. */
function deletedBy(owner: string, keys: readonly string[], newer: string | undefined): readonly string[] {
  if (keys.length > 0) return newer === undefined ? [...keys] : [...keys, newer]
  throw new OptionError(`${owner}: deletes needs onConflict with keys, by which a row is found`)
}

/**
 * Whether a row that is written twice leaves what it leaves when it is written once. What a plain insert appends and an update
 * adds is there twice then, unless its version tells. What a clause of one's own does nobody here knows.
 */
export function isIdempotent({ action, newer, combine }: Pick<Table, 'action' | 'newer' | 'combine'>): boolean {
  if (action === 'error' || action === 'sql') return false
  return newer !== undefined || combine === undefined || ![...combine.values()].includes('add')
}

/** Whether something was made by {@link defineTable}, as far as can be seen. */
export const isTable: Check<Table<Row>> = (name, value) => {
  if (typeof value === 'object' && value !== null && 'id' in value && 'columns' in value) return value as Table<Row>
  return refuse(name, 'made by defineTable()', value)
}

function orNone(list: readonly string[]): readonly string[] | undefined {
  return list.length === 0 ? undefined : list
}

/** The column that a property of the rows is written to. */
export function columnOf(table: Pick<Table, 'names'>, property: string): string {
  return table.names?.get(property) ?? property
}

/** The columns of several. */
export function columnsOf(table: Table, properties: readonly string[]): readonly string[] {
  return table.names === undefined ? properties : properties.map((property) => columnOf(table, property))
}

/** The table as its database knows it, with columns in place of properties. */
export function inColumns(table: Table): Table {
  const { columns, keys, set, newer, combine, sql } = table
  return {
    ...table,
    columns: columnsOf(table, columns),
    names: undefined,
    keys: columnsOf(table, keys),
    set: columnsOf(table, set),
    defaults: columnsOf(table, table.defaults),
    newer: newer && columnOf(table, newer),
    combine: combine && new Map(Array.from(combine, ([property, how]) => [columnOf(table, property), how])),
    sql: sql && sqlInColumns(sql, (property) => columnOf(table, property)),
    deletes: table.deletes && columnsOf(table, table.deletes),
  }
}

const TABLE = {
  columns: required(columnsOrNames),
  onConflict: optional((name, value) => record(name, value) as unknown as OnConflict<never>, { action: 'error' }),
  absent: optional(absentOrColumns, 'null'),
  deletes: optional(boolean, false),
} satisfies OptionsOf<TableOptions<never>>

/** `app."odd.name"` → `['app', 'odd.name']`; inside quotes a doubled quote stands for one. */
export const pathOf: Check<readonly string[]> = (option, name) => {
  if (typeof name === 'string' && !name.includes('\0')) {
    const parts = name.match(/"(?:[^"]|"")+"|[^".]+/g)
    if (parts !== null && parts.join('.') === name) {
      return parts.map((part) => (part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part))
    }
  }
  return refuse(option, 'like users, app.users or app."odd.name"', name)
}
