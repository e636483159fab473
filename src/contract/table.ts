import { knownKeys, oneOf, show } from '../support/options.ts'
import { OptionError } from './errors.ts'

/** A row as the engine sees it: an object whose properties are named like columns. */
export type Row = object

export type ConflictAction = 'error' | 'ignore' | 'update' | 'replace'

/**
 * What happens when a row meets one that is already there.
 *
 * - `error`: the row fails (`duplicate_key`). The default.
 * - `ignore`: the row that was there first stays.
 * - `update`: the columns of `set` (default: every column that is not a key) take the new values. A property that is
 *   `undefined` or absent leaves its column as it is; `null` writes NULL.
 * - `replace`: the new row takes the place of the old one, absent properties become NULL.
 */
export type OnConflict<R extends Row> =
  | { readonly action: 'error' }
  | { readonly action: 'ignore'; readonly keys?: readonly ColumnOf<R>[] }
  | { readonly action: 'update'; readonly keys: readonly ColumnOf<R>[]; readonly set?: readonly ColumnOf<R>[] }
  | { readonly action: 'replace'; readonly keys: readonly ColumnOf<R>[] }

export type ColumnOf<R extends Row> = keyof R & string

export interface TableOptions<R extends Row> {
  /** Columns written, in this order. Properties of a row that are not listed are left alone. */
  readonly columns: readonly ColumnOf<R>[]
  /** @default { action: 'error' } */
  readonly onConflict?: OnConflict<R>
}

/** A table rows can be submitted to. Frozen; made by {@link defineTable}. `Table` by itself is a table of any rows. */
export interface Table<R extends Row = never> {
  /** As written: `users`, or schema-qualified `app.users`. Also the `table` attribute of every metric. */
  readonly name: string
  /** The name split at its dots, unquoted: `['app', 'users']`. */
  readonly path: readonly string[]
  readonly columns: readonly string[]
  readonly action: ConflictAction
  /** Conflict keys; empty when there are none. */
  readonly keys: readonly string[]
  /** Columns a conflicting row overwrites; empty for `error` and `ignore`. */
  readonly set: readonly string[]
  /** Equal for equal definitions; rows of equal definitions share one lane. */
  readonly id: string
  /** Carries the row type; never present at run time. */
  readonly '~row'?: (row: R) => void
}

/**
 * Describes a table once, with the type of its rows.
 *
 * A dot in `name` separates schema and table; quote a part that contains one: `app."odd.name"`.
 *
 * @throws {OptionError} naming the option and the value it received
 */
export function defineTable<R extends Row>(name: string, options: TableOptions<R>): Table<R> {
  const path = parseName(name)
  knownKeys(label(name), options, ['columns', 'onConflict'])
  const columns = columnList(name, 'columns', options.columns)
  const conflict = options.onConflict ?? { action: 'error' }
  knownKeys(`${label(name)}: onConflict`, conflict, ['action', 'keys', 'set'])
  const action = oneOf(`${label(name)}: onConflict.action`, conflict.action, ACTIONS)
  const keys = keysOf(name, conflict, columns)
  const set = setOf(name, conflict, columns, keys)
  const table = { name, path, columns, action, keys, set, id: JSON.stringify([path, columns, action, keys, set]) }
  for (const list of [path, columns, keys, set]) Object.freeze(list)
  return Object.freeze(table)
}

const ACTIONS: readonly ConflictAction[] = ['error', 'ignore', 'update', 'replace']

function keysOf(name: string, conflict: OnConflict<never>, columns: readonly string[]): readonly string[] {
  if (conflict.action === 'error') return []
  if (conflict.keys === undefined && conflict.action === 'ignore') return []
  return subset(name, 'onConflict.keys', conflict.keys, columns)
}

function setOf(
  name: string,
  conflict: OnConflict<never>,
  columns: readonly string[],
  keys: readonly string[],
): readonly string[] {
  if (conflict.action === 'error' || conflict.action === 'ignore') return []
  if (conflict.action === 'replace' || conflict.set === undefined) return columns.filter((c) => !keys.includes(c))
  const set = subset(name, 'onConflict.set', conflict.set, columns)
  const key = set.find((column) => keys.includes(column))
  if (key === undefined) return set
  throw new OptionError(`${label(name)}: onConflict.set must not contain the conflict key ${show(key)}`)
}

function subset(name: string, option: string, value: unknown, columns: readonly string[]): readonly string[] {
  const list = columnList(name, option, value)
  const stranger = list.find((column) => !columns.includes(column))
  if (stranger === undefined) return list
  throw new OptionError(`${label(name)}: ${option} must be among columns, received ${show(stranger)}`)
}

function columnList(name: string, option: string, value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new OptionError(
      `${label(name)}: ${option} must be a non-empty array of column names, received ${show(value)}`,
    )
  }
  const seen = new Set<string>()
  for (const column of value) {
    if (typeof column !== 'string' || column === '' || column.includes('\0')) {
      throw new OptionError(`${label(name)}: ${option} must contain column names, received ${show(column)}`)
    }
    if (seen.has(column)) throw new OptionError(`${label(name)}: ${option} names ${show(column)} twice`)
    seen.add(column)
  }
  return [...seen]
}

/** `app."odd.name"` → `['app', 'odd.name']`; inside quotes a doubled quote stands for one. */
function parseName(name: unknown): readonly string[] {
  if (typeof name === 'string' && !name.includes('\0')) {
    const parts = name.match(/"(?:[^"]|"")+"|[^".]+/g)
    if (parts !== null && parts.join('.') === name) {
      return parts.map((part) => (part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part))
    }
  }
  throw new OptionError(`table name must be like users, app.users or app."odd.name", received ${show(name)}`)
}

function label(name: string): string {
  return `table ${show(name)}`
}
