import { OptionError } from '../support/batchflow-error.ts'
import { type Check, type Option, oneOf, optional, parse, refuse, required, show } from '../support/validate.ts'
import { columnList, subset, without } from './columns.ts'
import { type ConflictSql, conflictSql, sqlText } from './conflict-sql.ts'
import type { ColumnOf, Row } from './row.ts'

export type ConflictAction = 'error' | 'ignore' | 'update' | 'replace' | 'sql'

/**
 * What happens when a row meets one that is already there.
 *
 * - `error`: the row fails (`duplicate_key`). The default.
 * - `ignore`: the row that was there first stays.
 * - `update`: the columns of `set` (default: every column that is not a key) take the new values, or are combined with them:
 *   {@link ColumnUpdate}. A property that is `undefined` or absent leaves its column as it is; `null` writes NULL.
 * - `replace`: the new row takes the place of the old one, absent properties become NULL.
 * - `sql`: what a clause of one's own says (PostgreSQL, MySQL, SQLite). Absent properties are NULL.
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
      /** Columns that take the new value, or what becomes of each: see {@link ColumnUpdate}. @default all but the keys */
      readonly set?: readonly ColumnOf<R>[] | ColumnUpdates<NoInfer<R>>
      /** @default the row that was submitted last wins */
      readonly newer?: ColumnOf<R>
    }
  | {
      readonly action: 'replace'
      readonly keys: readonly ColumnOf<R>[]
      /** @default the row that was submitted last wins */
      readonly newer?: ColumnOf<R>
    }
  | {
      readonly action: 'sql'
      /** By which rows meet. Nobody here knows what becomes of two, so those of one key are written one after the other, in order. */
      readonly keys: readonly ColumnOf<R>[]
      /**
       * The conflict clause, from `ON CONFLICT` or `ON DUPLICATE KEY UPDATE` on. In it `{name}` is the column of a property, quoted,
       * `{new.name}` its value in the row that comes and `{old.name}` in the one that is there, `{table}` the table; doubled braces
       * are braces. A constant: nothing of a row belongs into it. Such a statement is never taken for one that may be written twice.
       */
      readonly sql: string
    }

/**
 * How what is stored becomes one with what comes.
 *
 * - `add`: their sum. Not idempotent: a row that is written twice is added twice, so that after an ambiguous loss of the connection
 *   `onAmbiguous` decides, as for a plain insert.
 * - `max`, `min`: the greater, the lesser one.
 */
export type Combine = 'add' | 'max' | 'min'

/**
 * What an update does to a column of a row that is there. `replace` writes the new value, `keep` leaves the old one, as for a column
 * that is not named. Where values are combined NULL is nothing: of a value and NULL the value stays.
 */
export type ColumnUpdate = Combine | 'replace' | 'keep'

/** What can be done to a column of such values: numbers, bigints and decimals as texts are added, these and dates are ordered. */
export type ColumnUpdateOf<V> =
  | 'replace'
  | 'keep'
  | ([unknown] extends [V] ? Combine : never)
  | ([V] extends [number | bigint | string | null | undefined] ? 'add' : never)
  | ([V] extends [number | bigint | string | Date | null | undefined] ? 'max' | 'min' : never)

/** `{ hits: 'add', lastSeen: 'max' }` */
export type ColumnUpdates<R extends Row> = { readonly [P in ColumnOf<R>]?: ColumnUpdateOf<R[P]> }

const columnName: Check<string> = (option, value) =>
  typeof value === 'string' ? value : refuse(option, 'the name of a column', value)

type Updates = Readonly<Record<string, ColumnUpdate>>

const columnUpdate = oneOf('replace', 'add', 'max', 'min', 'keep')

const columnListOrUpdates: Check<Updates> = (option, value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).length === 0) {
    return Object.fromEntries(columnList(option, value).map((column) => [column, 'replace']))
  }
  const updates = Object.entries(value).map(([column, how]) => [column, columnUpdate(`${option}.${column}`, how)])
  return Object.fromEntries(updates)
}

const action = oneOf('error', 'ignore', 'update', 'replace', 'sql')

/** What each action may be given, and what it must. */
const CONFLICTS = {
  error: { action: required(action) },
  ignore: { action: required(action), keys: optional(columnList) },
  update: {
    action: required(action),
    keys: required(columnList),
    set: optional(columnListOrUpdates),
    newer: optional(columnName),
  },
  replace: { action: required(action), keys: required(columnList), newer: optional(columnName) },
  sql: { action: required(action), keys: required(columnList), sql: required(sqlText) },
} satisfies { [A in ConflictAction]: Record<keyof Extract<OnConflict<Row>, { action: A }>, Option<unknown>> }

interface Conflict {
  readonly action: ConflictAction
  readonly keys: readonly string[]
  readonly set: readonly string[]
  readonly newer?: string | undefined
  readonly combine?: ReadonlyMap<string, Combine> | undefined
  readonly sql?: ConflictSql | undefined
}

export function conflictOf(owner: string, given: OnConflict<never>, columns: readonly string[]): Conflict {
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
    case 'sql': {
      const { keys, sql } = parse(option, CONFLICTS.sql, given)
      return { action: 'sql', keys: among('keys', keys), set: [], sql: conflictSql(`${option}.sql`, sql, columns) }
    }
    case 'update': {
      const { keys, set: updates, newer } = parse(option, CONFLICTS.update, given)
      const named = updates === undefined ? without(columns, keys) : among('set', Object.keys(updates))
      const key = named.find((column) => keys.includes(column))
      if (key !== undefined) throw new OptionError(`${option}.set must not contain the conflict key ${show(key)}`)
      const version = versionOf(option, newer, columns, keys)
      const set = named.filter((column) => updates?.[column] !== 'keep')
      const all = version === undefined || set.includes(version) ? set : [...set, version]
      const combine = combinedIn(option, updates, version)
      return { action: 'update', keys: among('keys', keys), set: all, newer: version, combine }
    }
  }
}

function combinedIn(
  option: string,
  updates: Updates = {},
  version: string | undefined,
): ReadonlyMap<string, Combine> | undefined {
  const how = version === undefined ? undefined : updates[version]
  if (how !== undefined && how !== 'replace') refuse(`${option}.set.${version}`, 'replace, since newer names it', how)
  const combined = Object.entries(updates).filter((update): update is [string, Combine] => isCombine(update[1]))
  return combined.length === 0 ? undefined : new Map(combined)
}

function isCombine(how: ColumnUpdate): how is Combine {
  return how !== 'replace' && how !== 'keep'
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
