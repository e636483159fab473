import type { Combine, Row, Table } from '../contract/table.ts'
import { addExactly } from '../support/decimal.ts'
import { fieldOf, setField } from '../support/field.ts'
import { compareVersions, type Merge } from './newest.ts'

/** Nobody here knows what becomes of two values: the database has to be given one after the other. */
export const IN_ORDER = Symbol('in order')

/**
 * One value with the effect of writing `before` and then `after` to a column. NULL adds nothing and is neither the greatest nor
 * the least. Behind an absent value goes none: a new row has the DEFAULT of the column there.
 */
export function combine(how: Combine, before: unknown, after: unknown): unknown {
  if (after === null || after === undefined) return before
  if (before === null) return after
  if (before === undefined) return IN_ORDER
  if (how === 'add') return addExactly(before, after) ?? IN_ORDER
  const order = compareVersions(after, before)
  if (order === undefined) return IN_ORDER
  return (how === 'max' ? order > 0 : order < 0) ? after : before
}

type Step = (older: Row, newer: Row) => unknown

/** Merges rows of a table some of whose columns are combined. */
export function mergeCombining({ columns, set, combine: combined }: Table): Merge {
  const steps = columns.map((column) => [column, stepOf(column, combined?.get(column), set.includes(column))] as const)
  return (older, newer) => {
    const merged = {}
    for (const [column, step] of steps) {
      const value = step(older, newer)
      if (value === IN_ORDER) return undefined
      setField(merged, column, value)
    }
    return merged
  }
}

function stepOf(column: string, how: Combine | undefined, isSet: boolean): Step {
  if (!isSet) return (older) => fieldOf(older, column)
  if (how !== undefined) return (older, newer) => combine(how, fieldOf(older, column), fieldOf(newer, column))
  return (older, newer) => {
    const value = fieldOf(newer, column)
    return value === undefined ? fieldOf(older, column) : value
  }
}
