import { isDeletion } from '../contract/deletion.ts'
import type { Row, Table } from '../contract/table.ts'
import { isAbsent, isFull } from '../lanes/coalesce.ts'

/** Rows of a batch that are written alike: with the same columns, or that are deletions. `indices` are their places in the batch. */
export interface Shape {
  readonly columns: readonly string[]
  readonly deletions?: boolean
  readonly rows: readonly Row[]
  /** `undefined`: all of them, in order. */
  readonly indices: readonly number[] | undefined
}

const known = new WeakMap<Table, Shapes>()

/** The rows of one batch, by shape. */
export function shapesOf(table: Table, rows: readonly Row[]): Shape[] {
  let shapes = known.get(table)
  if (shapes === undefined) known.set(table, (shapes = new Shapes(table)))
  return shapes.of(rows)
}

/** Sets of columns remembered: whoever sends rows may choose among 2ⁿ of them. */
const MAX_SHAPES = 1000

/**
 * Sorts rows by the columns they have, where an absent one stays out of the statement: in an `update`, and where it takes its
 * DEFAULT. Else an absent column is NULL, as an absent version always is, and there is one shape.
 */
class Shapes {
  readonly #table: Table
  readonly #optional: readonly string[]
  readonly #columns = new Map<string, readonly string[]>()

  constructor(table: Table) {
    this.#table = table
    const { action, columns, keys, newer, defaults } = table
    const isLeftAlone = (name: string) => action === 'update' && !keys.includes(name) && name !== newer
    this.#optional = columns.filter((name) => isLeftAlone(name) || defaults.includes(name))
  }

  /** Deletions first: they may be carried out twice, while of all parts the last one moves a position. */
  of(rows: readonly Row[]): Shape[] {
    const { columns, deletes } = this.#table
    const full: Shape = { columns, rows, indices: undefined }
    const hasDeletions = deletes !== undefined && rows.some(isDeletion)
    if (!hasDeletions && (this.#optional.length === 0 || rows.every((row) => isFull(row, this.#optional))))
      return [full]
    const groups = new Map<readonly string[], { rows: Row[]; indices: number[] }>()
    if (hasDeletions) groups.set(deletes, { rows: [], indices: [] })
    rows.forEach((row, index) => {
      const columns = hasDeletions && isDeletion(row) ? deletes : this.#columnsOf(row)
      let group = groups.get(columns)
      if (group === undefined) groups.set(columns, (group = { rows: [], indices: [] }))
      group.rows.push(row)
      group.indices.push(index)
    })
    return Array.from(groups, ([columns, group]) => ({ columns, ...group, deletions: columns === deletes }))
  }

  /** One array per set of columns, so that drivers can recognise it. */
  #columnsOf(row: Row): readonly string[] {
    const absent = this.#optional.filter((column) => isAbsent(row, column))
    if (absent.length === this.#table.columns.length) absent.shift() // a statement has one column at least
    if (absent.length === 0) return this.#table.columns
    const id = JSON.stringify(absent)
    let columns = this.#columns.get(id)
    if (columns === undefined) {
      if (this.#columns.size === MAX_SHAPES) this.#columns.clear()
      columns = this.#table.columns.filter((column) => !absent.includes(column))
      this.#columns.set(id, columns)
    }
    return columns
  }
}
