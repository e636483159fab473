import { createHash } from 'node:crypto'
import type { Companions } from '../contract/companion.ts'
import type { Table } from '../contract/table.ts'
import type { Source } from './source.ts'
import { TablePosition } from './table-position.ts'

/** In bytes: what all databases take as a key. Of a longer scope its digest stands for it. */
const LONGEST = 700

type Named = Pick<Source, 'name' | 'destination' | 'identity'>

/** A partition of a log whose positions a database keeps, per table. */
export interface Place {
  readonly source: Source
  readonly partition: string
}

/** Under what the position of a table is kept. Logs that have no identity are told apart by their names alone. */
export function scopeOf({ name, destination, identity }: Named, partition: string, table: string): string {
  const parts = [name, destination, partition, table]
  const scope = JSON.stringify(identity === undefined ? parts : [...parts, identity])
  if (Buffer.byteLength(scope) <= LONGEST) return scope
  return JSON.stringify([name, createHash('sha256').update(scope).digest('hex')])
}

/**
 * Where each table stands. A position from the time before the log had an identity goes on under it, once, and where the log has
 * come so far: one that has not is another log of that name.
 */
export async function claimed(
  companions: Companions,
  place: Place,
  tables: readonly Table[],
  signal: AbortSignal,
): Promise<ReadonlyMap<Table, string>> {
  const { identity } = place.source
  const scopes = new Map(tables.map((table) => [table, scopeOf(place.source, place.partition, table.name)]))
  const positions = await companions.claim([...scopes.values()], signal)
  const found = new Map(tables.map((table) => [table, positions.get(scopes.get(table)!) ?? '']))
  const fresh = identity === undefined ? [] : tables.filter((table) => found.get(table) === '')
  if (fresh.length === 0) return found
  const { name, destination } = place.source
  const nameless = ({ name: table }: Table) => scopeOf({ name, destination }, place.partition, table)
  const before = await companions.claim(fresh.map(nameless), signal)
  for (const table of fresh) {
    const value = before.get(nameless(table)) ?? ''
    if (value === '' || !(await reaches(place, value))) continue
    await companions.commit({ kind: 'move', scope: scopes.get(table)!, expected: '', value }, signal)
    await companions.commit({ kind: 'move', scope: nameless(table), expected: value, value: '' }, signal)
    found.set(table, value)
  }
  return found
}

async function reaches({ source, partition }: Place, value: string): Promise<boolean> {
  const { start } = new TablePosition(value, source.compare.bind(source))
  return start === '' || ((await source.reaches?.(partition, start)) ?? true)
}
