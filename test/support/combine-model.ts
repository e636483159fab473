import { type Change, isDeletion } from '../../src/contract/deletion.ts'
import type { Table } from '../../src/contract/table.ts'

/** A row of the tests of `onConflict.set`. */
export interface Tally {
  id: number
  hits?: unknown
  last?: unknown
  first?: unknown
  created?: unknown
  name?: unknown
  v?: number | null
}

export const TALLY_COLUMNS = ['id', 'hits', 'last', 'first', 'created', 'name', 'v'] as const
export const TALLIED = { hits: 'add', last: 'max', first: 'min', created: 'keep', name: 'replace' } as const

/** What a plain object becomes, one row or deletion after the other, `defaults` being what a new row has in columns that the first one lacks. */
export function tally(
  table: Table<Tally>,
  rows: readonly Change<Tally>[],
  before?: Tally,
  defaults: Partial<Tally> = {},
): Tally | undefined {
  let stored = before
  for (const row of rows) {
    if (isDeletion(row)) {
      if (table.newer === undefined || !isNewer(stored?.v ?? null, row.v ?? null)) stored = undefined
    } else if (stored === undefined) stored = started(row, defaults)
    else if (table.newer === undefined || isNewer(row.v ?? null, stored.v ?? null))
      stored = met(stored, row, table.set.includes('v'))
  }
  return stored
}

function started(row: Tally, defaults: Partial<Tally>): Tally {
  const given = Object.entries(row).filter(([, value]) => value !== undefined)
  const empty = Object.fromEntries(TALLY_COLUMNS.map((column) => [column, null]))
  return { ...empty, ...defaults, ...Object.fromEntries(given) } as unknown as Tally
}

function met(stored: Tally, { hits, last, first, name, v }: Tally, isVersioned: boolean): Tally {
  return {
    ...stored,
    hits: joined(stored.hits, hits, (a, b) => Number(a) + Number(b)),
    last: joined(stored.last, last, Math.max),
    first: joined(stored.first, first, Math.min),
    ...(name !== undefined && { name }),
    ...(isVersioned && v !== undefined && { v }),
  }
}

function joined(a: unknown, b: unknown, join: (a: number, b: number) => number): unknown {
  return b === null || b === undefined ? a : a === null || a === undefined ? b : join(a as number, b as number)
}

function isNewer(incoming: number | null, existing: number | null): boolean {
  return incoming !== null && (existing === null || incoming > existing)
}
