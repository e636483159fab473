import type { Row, Table } from '../contract/table.ts'
import { fieldOf, setField } from '../support/field.ts'

/** A row's conflict key. A whole number and its text are one key, since the column decides which of them it holds. */
export type Key = string | number

/** `undefined` when a part is NULL: SQL's NULLs never conflict. */
export type KeyReader = (row: Row) => Key | undefined

/** Equal keys give equal values, different keys different ones: merging two rows of different keys would lose one. */
export function keyReader(table: Pick<Table, 'keys'>): KeyReader {
  const [first, ...others] = table.keys
  if (others.length === 0) return (row) => keyPart(fieldOf(row, first!))
  return (row) => {
    let key = ''
    for (const column of table.keys) {
      const part = keyPart(fieldOf(row, column))
      if (part === undefined) return undefined
      const text = `${part}`
      key += `${text.length}:${text}`
    }
    return key
  }
}

function keyPart(value: unknown): Key | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value + 0 : String(value)
  if (typeof value === 'string') return numberIn(value) ?? value
  if (value === null || value === undefined) return undefined
  if (value instanceof Date) return `\0d${value.getTime()}`
  if (ArrayBuffer.isView(value)) {
    return `\0b${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  }
  return typeof value === 'object' ? jsonPart(value) : keyPart(String(value))
}

/** @throws {TypeError} for an object that JSON shows nothing of (a `Map`, a promise, private fields): all would be one key */
function jsonPart(value: object): Key {
  const json: string | undefined = JSON.stringify(value)
  if (json !== undefined && (json !== '{}' || Object.getPrototypeOf(value) === Object.prototype)) return `\0j${json}`
  throw new TypeError('a conflict key is an object that JSON shows nothing of')
}

/** The safe integer that `text` is the one way to write. */
function numberIn(text: string): number | undefined {
  if (text.length > 16 || !(text.charCodeAt(0) <= 57)) return undefined // beyond '9', the usual case
  const value = Number(text)
  return Number.isSafeInteger(value) && String(value) === text ? value : undefined
}

/** One row in place of two of the same key, with the effect of writing `older` and then `newer`. */
export type Merge = (older: Row, newer: Row) => Row

export function mergeOf(table: Table): Merge {
  if (table.action === 'ignore') return (older) => older
  if (table.action === 'replace') return (_, newer) => newer
  const { columns, keys, set } = table
  const wholeRow = keys.length + set.length === columns.length
  return (older, newer) => (wholeRow && isFull(newer, set) ? newer : overlay(table, older, newer))
}

/** Whether every one of `columns` is present. */
export function isFull(row: Row, columns: readonly string[]): boolean {
  for (const column of columns) if (isAbsent(row, column)) return false
  return true
}

/** A column that cannot be read is not absent: the driver will come upon it and name the row, so that it fails alone. */
export function isAbsent(row: Row, column: string): boolean {
  try {
    return fieldOf(row, column) === undefined
  } catch {
    return false
  }
}

/** A new object: the rows are the caller's, and may have columns as accessors. */
function overlay(table: Table, older: Row, newer: Row): Row {
  const merged = {}
  for (const column of table.columns) setField(merged, column, fieldOf(older, column))
  for (const column of table.set) {
    const value = fieldOf(newer, column)
    if (value !== undefined) setField(merged, column, value)
  }
  return merged
}

/** `rows` with those of one key merged, in the order their keys first came. */
export function coalesce(table: Table, rows: readonly Row[]): readonly Row[] {
  if (table.keys.length === 0) return rows
  const keyOf = keyReader(table)
  const merge = mergeOf(table)
  const merged = new Map<unknown, Row>()
  for (const row of rows) {
    const key = keyOf(row) ?? row
    const older = merged.get(key)
    merged.set(key, older === undefined ? row : merge(older, row))
  }
  return [...merged.values()]
}
