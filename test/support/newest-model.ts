import type { Table } from '../../src/contract/table.ts'

/** A row of the tests of `newer`: `v` is its version. */
export interface Item {
  id: number
  x?: number | null
  y?: number | null
  v?: unknown
}

/** No version is older than every other; numbers are ordered, texts too, and these are newer than numbers. */
export function isNewer(incoming: unknown, existing: unknown): boolean {
  if (incoming === null || incoming === undefined) return false
  if (existing === null || existing === undefined) return true
  const [a, b] = [incoming as string, existing as string]
  return (typeof a === 'string') === (typeof b === 'string') ? a > b : typeof a === 'string'
}

/** What a database does with one row after the other: the meaning that all ways of writing have to keep. */
export function store(table: Table<Item>, rows: readonly Item[], before: Item | undefined): Item | undefined {
  let stored = before
  for (const row of rows) {
    const whole = { id: row.id, x: row.x ?? null, y: row.y ?? null, v: row.v ?? null }
    if (stored === undefined) stored = whole
    else if (!isNewer(row.v, stored.v)) continue
    else if (table.action === 'replace') stored = whole
    else {
      const changes = table.set.filter((column) => row[column as 'x'] !== undefined)
      stored = { ...stored, ...Object.fromEntries(changes.map((column) => [column, row[column as 'x']])) }
    }
  }
  return stored
}
