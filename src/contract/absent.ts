import { type Check, oneOf, refuse } from '../support/validate.ts'
import { subset } from './columns.ts'

/** What is written for a property that a row does not have. */
export type Absent = 'null' | 'default'

const absent = oneOf('null', 'default')

export const absentOrColumns: Check<Absent | Readonly<Record<string, Absent>>> = (option, value) => {
  if (typeof value === 'string') return absent(option, value)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse(option, 'one of null, default or an object of them by property', value)
  }
  return Object.fromEntries(Object.entries(value).map(([column, how]) => [column, absent(`${option}.${column}`, how)]))
}

/** The columns that take their DEFAULT. A version is compared before anybody knows the DEFAULT it would take. */
export function defaultsOf(
  option: string,
  given: ReturnType<typeof absentOrColumns>,
  columns: readonly string[],
  newer: string | undefined,
): readonly string[] {
  if (typeof given === 'string') return given === 'null' ? [] : columns.filter((column) => column !== newer)
  subset(option, Object.keys(given), columns)
  if (newer !== undefined && given[newer] === 'default') {
    refuse(`${option}.${newer}`, 'null, since newer names it', 'default')
  }
  return columns.filter((column) => given[column] === 'default')
}
