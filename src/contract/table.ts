import { OptionError } from '../support/batchflow-error.ts'
import {
  type Check,
  type Option,
  type OptionsOf,
  oneOf,
  optional,
  parse,
  record,
  refuse,
  required,
  show,
} from '../support/validate.ts'
import type { NamesEveryRequiredProperty, RequiredOf } from './required-columns.ts'
import type { ColumnOf, Row } from './row.ts'

export type { ColumnOf, Row } from './row.ts'

export type ConflictAction = 'error' | 'ignore' | 'update' | 'replace'

/**
 * What happens when a row meets one that is already there.
 *
 * - `error`: the row fails (`duplicate_key`). The default.
 * - `ignore`: the row that was there first stays.
 * - `update`: the columns of `set` (default: every column that is not a key) take the new values. A property that is
 *   `undefined` or absent leaves its column as it is; `null` writes NULL.
 * - `replace`: the new row takes the place of the old one, absent properties become NULL.
 *
 * `newer` names the column that tells which of two rows is the newer one: a number or a time that only grows. Then a row
 * changes nothing unless its version is greater than that of the row it meets; it counts as committed, and as superseded. So
 * rows may come late, twice, or in any order. A row without a version (NULL, absent) is older than every row that has one: it is
 * written where there is none, and changes nothing where there is. The column is always part of `set`.
 */
export type OnConflict<R extends Row> =
  | { readonly action: 'error' }
  | { readonly action: 'ignore'; readonly keys?: readonly ColumnOf<R>[] }
  | {
      readonly action: 'update'
      readonly keys: readonly ColumnOf<R>[]
      readonly set?: readonly ColumnOf<R>[]
      /** @default the row that was submitted last wins */
      readonly newer?: ColumnOf<R>
    }
  | {
      readonly action: 'replace'
      readonly keys: readonly ColumnOf<R>[]
      /** @default the row that was submitted last wins */
      readonly newer?: ColumnOf<R>
    }

export interface TableOptions<R extends Row> {
  /**
   * Columns written, in this order. A required property that is not among them does not compile; optional ones that are not
   * listed are left alone. What is not to be written goes from the type: `defineTable<Omit<User, 'password'>>`.
   */
  readonly columns: readonly ColumnOf<R>[] & NamesEveryRequiredProperty<RequiredOf<R>>
  /** What becomes of a row that meets one that is there already: see {@link OnConflict}. @default { action: 'error' } */
  readonly onConflict?: OnConflict<R>
}

/** A table rows can be submitted to. Frozen; made by {@link defineTable}. `Table` by itself is a table of any rows. */
export interface Table<R extends Row = never> {
  /** The name as written: `users`, or schema-qualified `app.users`. Also the `table` attribute of every metric. */
  readonly name: string
  /** The name split at its dots, unquoted: `['app', 'users']`. */
  readonly path: readonly string[]
  readonly columns: readonly string[]
  readonly action: ConflictAction
  /** Conflict keys; empty when there are none. */
  readonly keys: readonly string[]
  /** Columns a conflicting row overwrites; empty for `error` and `ignore`. */
  readonly set: readonly string[]
  /** The column that tells which of two rows is the newer one, where a row that is not changes nothing. One of `set`. */
  readonly newer?: string | undefined
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
  const owner = `defineTable(${show(name)})`
  const path = pathOf('defineTable: name', name)
  const { columns, onConflict } = parse(owner, TABLE, options === undefined ? {} : options)
  const { action, keys, set, newer } = conflictOf(owner, onConflict, columns)
  const id = JSON.stringify([path, columns, action, keys, set, ...(newer === undefined ? [] : [newer])])
  const table = { name, path, columns, action, keys, set, newer, id }
  for (const list of [path, columns, keys, set]) Object.freeze(list)
  return Object.freeze(table)
}

/** Whether something was made by {@link defineTable}, as far as can be seen. */
export const isTable: Check<Table<Row>> = (name, value) => {
  if (typeof value === 'object' && value !== null && 'id' in value && 'columns' in value) return value as Table<Row>
  return refuse(name, 'made by defineTable()', value)
}

const columnList: Check<readonly string[]> = (option, value) => {
  if (!Array.isArray(value) || value.length === 0) return refuse(option, 'a non-empty array of column names', value)
  const seen = new Set<string>()
  for (const column of value) {
    if (typeof column !== 'string' || column === '' || column.includes('\0')) {
      throw new OptionError(`${option} must contain column names, received ${show(column)}`)
    }
    if (seen.has(column)) throw new OptionError(`${option} names ${show(column)} twice`)
    seen.add(column)
  }
  return [...seen]
}

const columnName: Check<string> = (option, value) =>
  typeof value === 'string' ? value : refuse(option, 'the name of a column', value)

const TABLE = {
  columns: required(columnList),
  onConflict: optional((name, value) => record(name, value) as unknown as OnConflict<never>, { action: 'error' }),
} satisfies OptionsOf<TableOptions<never>>

const action = oneOf('error', 'ignore', 'update', 'replace')

/** What each action may be given, and what it must. */
const CONFLICTS = {
  error: { action: required(action) },
  ignore: { action: required(action), keys: optional(columnList) },
  update: {
    action: required(action),
    keys: required(columnList),
    set: optional(columnList),
    newer: optional(columnName),
  },
  replace: { action: required(action), keys: required(columnList), newer: optional(columnName) },
} satisfies { [A in ConflictAction]: Record<keyof Extract<OnConflict<Row>, { action: A }>, Option<unknown>> }

type Conflict = Pick<Table, 'action' | 'keys' | 'set' | 'newer'>

function conflictOf(owner: string, given: OnConflict<never>, columns: readonly string[]): Conflict {
  const option = `${owner}: onConflict`
  const among = (name: string, list: readonly string[]) => subset(`${option}.${name}`, list, columns)
  switch (action(`${option}.action`, given.action)) {
    case 'error':
      parse(option, CONFLICTS.error, given)
      return { action: 'error', keys: [], set: [] }
    case 'ignore': {
      const { keys = [] } = parse(option, CONFLICTS.ignore, given)
      return { action: 'ignore', keys: among('keys', keys), set: [] }
    }
    case 'replace': {
      const { keys, newer } = parse(option, CONFLICTS.replace, given)
      const set = without(columns, keys)
      return { action: 'replace', keys: among('keys', keys), set, newer: versionOf(option, newer, columns, keys) }
    }
    case 'update': {
      const { keys, set = without(columns, keys), newer } = parse(option, CONFLICTS.update, given)
      const key = set.find((column) => keys.includes(column))
      if (key !== undefined) throw new OptionError(`${option}.set must not contain the conflict key ${show(key)}`)
      const version = versionOf(option, newer, columns, keys)
      const all = version === undefined || set.includes(version) ? set : [...set, version]
      return { action: 'update', keys: among('keys', keys), set: among('set', all), newer: version }
    }
  }
}

function versionOf(
  option: string,
  newer: string | undefined,
  columns: readonly string[],
  keys: readonly string[],
): string | undefined {
  if (newer === undefined) return undefined
  if (keys.includes(newer)) throw new OptionError(`${option}.newer must not be the conflict key ${show(newer)}`)
  return subset(`${option}.newer`, [newer], columns)[0]
}

function without(columns: readonly string[], others: readonly string[]): readonly string[] {
  return columns.filter((column) => !others.includes(column))
}

function subset(option: string, list: readonly string[], columns: readonly string[]): readonly string[] {
  const [stranger] = without(list, columns)
  if (stranger === undefined) return list
  throw new OptionError(`${option} must be among columns, received ${show(stranger)}`)
}

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
