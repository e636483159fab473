import type { Combine, Row, Table } from '../contract/table.ts'
import { type Key, type KeyReader, keyReader } from '../lanes/coalesce.ts'
import { combine, IN_ORDER } from '../lanes/combine.ts'
import { compareVersions } from '../lanes/newest.ts'
import { fieldOf, setField } from '../support/field.ts'
import { MemoryDatabaseError } from './errors.ts'

/** Where rows stand, by what they hold in some columns. */
class Index {
  readonly keyOf: KeyReader
  readonly places = new Map<Key, number>()
  isUnique = false

  constructor(columns: readonly string[]) {
    this.keyOf = keyReader({ keys: columns })
  }

  /** The place of the row that holds the same there; NULL equals nothing. */
  find(row: Row): number | undefined {
    const key = this.keyOf(row)
    return key === undefined ? undefined : this.places.get(key)
  }

  put(row: Row, place: number): void {
    const key = this.keyOf(row)
    if (key !== undefined) this.places.set(key, place)
  }

  remove(row: Row): void {
    const key = this.keyOf(row)
    if (key !== undefined) this.places.delete(key)
  }
}

/** The rows of one table of a `MemoryDatabase`, in the order they were first written. */
export class StoredTable {
  #rows: Row[] = []
  readonly #indexes = new Map<string, Index>()

  get rows(): readonly Row[] {
    return this.#rows
  }

  /** No two rows may share these columns from now on. */
  addUnique(columns: readonly string[]): void {
    this.#index(columns).isUnique = true
  }

  /** All at once, as a transaction: what is written until {@link replace} is called may be undone with it. */
  save(): readonly Row[] {
    return [...this.#rows]
  }

  /** Its rows are `rows` now. */
  replace(rows: readonly Row[]): void {
    this.#rows = [...rows]
    for (const index of this.#indexes.values()) {
      index.places.clear()
      for (const [place, row] of this.#rows.entries()) index.put(row, place)
    }
  }

  /** @throws {MemoryDatabaseError} `duplicate_key` */
  write(table: Table, row: Row): void {
    const place = table.keys.length === 0 ? undefined : this.#index(table.keys).find(row)
    if (place !== undefined && table.action === 'ignore') return
    const written = writtenOf(table, row, place === undefined ? undefined : this.#rows[place]!)
    for (const index of this.#indexes.values()) {
      const other = index.isUnique ? index.find(written) : undefined
      if (other === undefined || other === place) continue
      if (table.action === 'ignore' && table.keys.length === 0) return
      throw new MemoryDatabaseError('duplicate_key')
    }
    this.#put(written, place)
  }

  /** Takes out the rows that have the keys of `deletions`, but for those that are newer. */
  delete(table: Table, deletions: readonly Row[]): void {
    const index = this.#index(table.keys)
    const gone = new Set(
      deletions.map((deletion) => {
        const place = index.find(deletion)
        return place !== undefined && isSpared(table, this.#rows[place]!, deletion) ? undefined : place
      }),
    )
    this.replace(this.#rows.filter((_, place) => !gone.has(place)))
  }

  #put(row: Row, place = this.#rows.length): void {
    const older = this.#rows[place]
    this.#rows[place] = row
    for (const index of this.#indexes.values()) {
      if (older !== undefined) index.remove(older)
      index.put(row, place)
    }
  }

  #index(columns: readonly string[]): Index {
    const id = JSON.stringify(columns)
    let index = this.#indexes.get(id)
    if (index === undefined) {
      this.#indexes.set(id, (index = new Index(columns)))
      this.replace(this.#rows)
    }
    return index
  }
}

/** What stands in the table after `row` has met `older`. Columns the row has no value for are NULL, or stay as they were. */
function writtenOf(table: Table, row: Row, older: Row | undefined): Row {
  if (older === undefined) return rowOf(table.columns, row, {})
  if (table.newer !== undefined && !isNewer(fieldOf(row, table.newer), fieldOf(older, table.newer))) return older
  if (table.action !== 'update') return rowOf(table.columns, row, {})
  return rowOf(table.set, table.combine === undefined ? row : combinedRow(table.combine, row, older), older)
}

/** `row` with what its values become where they meet those of `older`. */
function combinedRow(how: ReadonlyMap<string, Combine>, row: Row, older: Row): Row {
  const met = { ...row }
  for (const [column, each] of how) {
    const [before, after] = [fieldOf(older, column) ?? null, fieldOf(row, column)]
    const value = combine(each, before, after)
    setField(met, column, value === IN_ORDER ? guessed(each, before, after) : value)
  }
  return met
}

/** Of values that a database combines by rules of its own. */
function guessed(how: Combine, before: unknown, after: unknown): unknown {
  if (how === 'add') return Number(before) + Number(after)
  return isNewer(after, before) === (how === 'max') ? after : before
}

/** `older` with those of `columns` that `row` has; without either they are NULL. */
function rowOf(columns: readonly string[], row: Row, older: Row): Row {
  const written = { ...older }
  for (const column of columns) {
    const value = fieldOf(row, column)
    if (value !== undefined || fieldOf(older, column) === undefined) setField(written, column, value ?? null)
  }
  return written
}

function isSpared({ newer }: Table, stored: Row, deletion: Row): boolean {
  return newer !== undefined && isNewer(fieldOf(stored, newer), fieldOf(deletion, newer))
}

/** Texts that databases compare by rules of their own are compared by their letters. */
function isNewer(version: unknown, stored: unknown): boolean {
  const order = compareVersions(version, stored)
  return order === undefined ? String(version) > String(stored) : order > 0
}
