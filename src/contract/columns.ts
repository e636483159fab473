import { OptionError } from '../support/batchflow-error.ts'
import { type Check, record, refuse, show } from '../support/validate.ts'
import type { RequiredOf } from './required-columns.ts'
import type { ColumnOf, Row } from './row.ts'

/** Properties and the columns they are written to: `{ id: 'id', createdAt: 'created_at' }`. */
export type ColumnNames<R extends Row> = { readonly [P in RequiredOf<R>]: string } & {
  readonly [P in ColumnOf<R>]?: string
}

export const columnList: Check<readonly string[]> = (option, value) => {
  if (!Array.isArray(value) || value.length === 0) return refuse(option, 'a non-empty array of column names', value)
  return distinct(option, value)
}

export const columnsOrNames: Check<readonly string[] | Readonly<Record<string, string>>> = (option, value) => {
  if (Array.isArray(value) && value.length > 0) return distinct(option, value)
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
    const names = record(option, value)
    distinct(option, Object.values(names))
    return { ...(names as Record<string, string>) }
  }
  return refuse(option, 'a non-empty array of column names or an object of them by property', value)
}

function distinct(option: string, columns: readonly unknown[]): readonly string[] {
  const seen = new Set<string>()
  for (const column of columns) {
    if (typeof column !== 'string' || column === '' || column.includes('\0')) {
      throw new OptionError(`${option} must contain column names, received ${show(column)}`)
    }
    if (seen.has(column)) throw new OptionError(`${option} names ${show(column)} twice`)
    seen.add(column)
  }
  return [...seen]
}

/** What was given for `columns` as properties, and where each of them goes if any goes to a column of another name. */
export function namesOf(given: ReturnType<typeof columnsOrNames>): {
  columns: readonly string[]
  names: ReadonlyMap<string, string> | undefined
} {
  if (isList(given)) return { columns: given, names: undefined }
  const names = Object.entries(given)
  const isRenamed = names.some(([property, column]) => property !== column)
  return { columns: names.map(([property]) => property), names: isRenamed ? new Map(names) : undefined }
}

function isList(given: ReturnType<typeof columnsOrNames>): given is readonly string[] {
  return Array.isArray(given)
}

export function without(columns: readonly string[], others: readonly string[]): readonly string[] {
  return columns.filter((column) => !others.includes(column))
}

export function subset(option: string, list: readonly string[], columns: readonly string[]): readonly string[] {
  const [stranger] = without(list, columns)
  if (stranger === undefined) return list
  throw new OptionError(`${option} must be among columns, received ${show(stranger)}`)
}
