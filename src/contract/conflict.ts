import { OptionError } from '../support/batchflow-error.ts'
import { type Check, type Option, oneOf, optional, parse, refuse, required, show } from '../support/validate.ts'
import { columnList } from './columns.ts'
import type { ColumnOf, Row } from './row.ts'

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

const columnName: Check<string> = (option, value) =>
  typeof value === 'string' ? value : refuse(option, 'the name of a column', value)

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

interface Conflict {
  readonly action: ConflictAction
  readonly keys: readonly string[]
  readonly set: readonly string[]
  readonly newer?: string | undefined
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
