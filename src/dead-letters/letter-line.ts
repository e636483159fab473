import { randomUUID } from 'node:crypto'
import { decodeChange, encodeChange } from '../contract/change-codec.ts'
import { isDeletion } from '../contract/deletion.ts'
import type { Row } from '../contract/table.ts'
import type { DeadLetter } from '../flow/dead-letters.ts'
import { encode } from '../support/value-codec.ts'

/** Of what follows in the line. A reader refuses what is newer than itself, and reads whatever is older. */
const VERSION = 2
/** Of the line of a row, as long as there are readers that know of no deletions. */
const OF_ROWS = 1

/** What a replay has to know of a line. */
export interface StoredLetter {
  readonly table: string
  readonly row: Row
  readonly ambiguous: boolean
  /** Columns whose values could not be written; without them the row is another. */
  readonly missing: readonly string[]
}

/** The letter as one line of JSON, its line feed included. Never throws. @param time in ISO 8601 */
export function lineOf({ table, row, error, ambiguous, traceId, spanId }: DeadLetter, time: string): string {
  const { encoded, missing } = encodeRow(row)
  const { reason, databaseCode: code, fault, attempts, message } = error
  const why = { reason, code, fault, ambiguous, attempts, message, traceId, spanId }
  const gaps = missing.length > 0 ? { missing } : {}
  return `${JSON.stringify({ v: isDeletion(row) ? VERSION : OF_ROWS, id: randomUUID(), time, table, ...why, ...gaps, row: encoded })}\n`
}

/** `line` with nothing changed but that the row may be in the table. */
export function ambiguously(line: string): string {
  return `${JSON.stringify({ ...JSON.parse(line), ambiguous: true })}\n`
}

/** The row by itself, as its letter has it. */
export function rowText(row: Row): string {
  return JSON.stringify(encodeRow(row).encoded)
}

/** `'torn'`: no letter, or half of one. `'newer'`: written by a later version of this package. */
export function letterOf(line: string): StoredLetter | 'torn' | 'newer' {
  try {
    const { v, table, row, ambiguous, missing = [] } = JSON.parse(line)
    if (typeof v === 'number' && v > VERSION) return 'newer'
    const decoded = decodeChange(row)
    if (!(v >= OF_ROWS) || typeof table !== 'string' || decoded === undefined) return 'torn'
    return { table, row: decoded, ambiguous: ambiguous === true, missing }
  } catch {
    return 'torn'
  }
}

function encodeRow(row: Row): { encoded: object; missing: readonly string[] } {
  const fields: (readonly [string, unknown])[] = []
  const missing: string[] = []
  for (const column of columnsOf(row)) {
    try {
      const value = (row as Record<string, unknown>)[column]
      fields.push([column, encode(value)])
    } catch {
      missing.push(column) // a getter that throws, too, must not take the letter along
    }
  }
  return { encoded: encodeChange(row, fields), missing }
}

/** Its own properties, and those that its class computes: a table may have a column for them. */
function columnsOf(row: Row): Set<string> {
  const columns = new Set(Object.keys(row))
  for (let type = Object.getPrototypeOf(row); isClass(type); type = Object.getPrototypeOf(type)) {
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(type))) {
      if (get !== undefined) columns.add(name)
    }
  }
  return columns
}

/** In another realm, too, what every object inherits has nothing above it. */
function isClass(type: object | null): boolean {
  return type !== null && Object.getPrototypeOf(type) !== null
}
