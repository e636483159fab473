import type { Row, Table } from '../contract/table.ts'
import { fieldOf, setField } from '../support/field.ts'
import { mergeCombining } from './combine.ts'
import { mergeDeleting } from './deleting.ts'
import { type Merge, mergeNewest } from './newest.ts'

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

/** How two rows of the same key become one, with the effect of writing `older` and then `newer`. */
export function mergeOf(table: Table): Merge {
  return table.deletes === undefined ? mergeRows(table) : mergeDeleting(table, mergeRows(table))
}

function mergeRows(table: Table): Merge {
  const combining = table.combine === undefined ? undefined : mergeCombining(table)
  if (table.newer !== undefined) {
    return mergeNewest(table, table.newer, combining ?? ((...rows) => overlay(table, ...rows)))
  }
  if (combining !== undefined) return combining
  if (table.action === 'sql') return () => undefined
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

/** The batches that `rows` make up, one after the other: those of one key are merged, or where that cannot be in several. */
export function coalesce(table: Table, rows: readonly Row[]): readonly (readonly Row[])[] {
  if (table.keys.length === 0) return rows.length === 0 ? [] : [rows]
  const keyOf = keyReader(table)
  const merge = mergeOf(table)
  const batches: Map<unknown, Row>[] = []
  const latest = new Map<unknown, number>()
  for (const row of rows) {
    const key = keyOf(row) ?? row
    let place = latest.get(key) ?? 0
    const older = batches[place]?.get(key)
    const merged = older === undefined ? row : merge(older, row)
    if (merged === undefined) place++
    if (place === batches.length) batches.push(new Map())
    batches[place]!.set(key, merged ?? row)
    latest.set(key, place)
  }
  return batches.map((batch) => [...batch.values()])
}
