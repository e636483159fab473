import { isDate } from 'node:util/types'
import type { Row, Table } from '../contract/table.ts'
import { fieldOf } from '../support/field.ts'

/** One row in place of two of the same key; `undefined` where the two have to be written one after the other. */
export type Merge = (older: Row, newer: Row) => Row | undefined

/**
 * Merges rows of a table with `newer`. What stays has, whatever is stored by then, the effect of writing `first` and then
 * `second`: one that is not newer changes nothing after the other. A newer one takes the place of the first if it has all
 * the columns that one would set; else the row that is stored may be newer than the first and older than the second, and
 * the columns of the first must not be written along with the second. Nor may what the first adds, or holds as the greatest:
 * it counts only where the stored row is older than the first.
 *
 * @param overlay the columns of `set` of the second row over those of the first
 */
export function mergeNewest(table: Table, newer: string, overlay: Merge): Merge {
  const { action, columns, keys, set, combine } = table
  const wholeRow = combine === undefined && (action === 'replace' || keys.length + set.length === columns.length)
  const combined = [...(combine?.keys() ?? [])]
  return (first, second) => {
    const order = compareVersions(fieldOf(second, newer), fieldOf(first, newer))
    if (order === undefined) return undefined
    if (order <= 0) return first
    if (action === 'update' && !covers(set, first, second)) return undefined
    if (combined.some((column) => isThere(fieldOf(first, column)))) return undefined
    return wholeRow ? second : overlay(first, second)
  }
}

function covers(set: readonly string[], first: Row, second: Row): boolean {
  return set.every((column) => fieldOf(first, column) === undefined || fieldOf(second, column) !== undefined)
}

/**
 * Less than, equal to, greater than 0 as `a` is older than, equal to, newer than `b`; `undefined` where that is for the database to
 * say. No version is older than every other. Texts are compared by the rules of a column nobody here knows, so only those
 * that all rules agree about are: digits, and times of one format.
 */
export function compareVersions(a: unknown, b: unknown): number | undefined {
  if (a === null || a === undefined || b === null || b === undefined) return Number(isThere(a)) - Number(isThere(b))
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b)
  const [left, right] = [numeric(a), numeric(b)]
  if (left === undefined || right === undefined || isDate(a) !== isDate(b)) return undefined
  if (typeof left !== typeof right && !(isExact(left) && isExact(right))) return undefined
  return left < right ? -1 : left > right ? 1 : 0
}

function isThere(version: unknown): boolean {
  return version !== null && version !== undefined
}

/** What is ordered in JavaScript as in every column that holds it. */
function numeric(version: unknown): number | bigint | undefined {
  if (typeof version === 'bigint') return version
  const value = isDate(version) ? version.getTime() : version
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** Beyond these a number and its decimal text, which is what is stored, may be two. */
function isExact(value: number | bigint): boolean {
  return typeof value === 'bigint' || Number.isSafeInteger(value)
}

const DIGITS = /^\d+$/
const TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?Z?)?$/

function compareTexts(a: string, b: string): number | undefined {
  if (a === b) return 0
  if (a.length !== b.length) return undefined
  const isAlike = DIGITS.test(a) ? DIGITS.test(b) : TIME.test(a) && shapeOf(a) === shapeOf(b)
  return isAlike ? (a < b ? -1 : 1) : undefined
}

function shapeOf(time: string): string {
  return time.replaceAll(/\d/g, '0')
}
