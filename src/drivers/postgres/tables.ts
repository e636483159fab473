import type { Table } from '../../table.ts'
import type { BatchInput } from '../driver.ts'
import type { Description } from './describe.ts'
import { Shape } from './shape.ts'

interface Entry {
  description: Description | Promise<Description> | undefined
  shapes: WeakMap<readonly string[], Shape>
  /** COPY was refused once; it would be again. */
  copyRefused: boolean
}

/** Remembers what the catalogue said about each table, and the shapes derived from it. */
export class Tables {
  readonly #describe: (path: readonly string[]) => Promise<Description>
  /** Whether statements may be prepared under a name. */
  #named: boolean
  readonly #entries = new WeakMap<Table, Entry>()

  constructor(describe: (path: readonly string[]) => Promise<Description>, named: boolean) {
    this.#describe = describe
    this.#named = named
  }

  /** At once when the table is known, else after one look-up that all who ask meanwhile share. */
  shapeOf({ table, columns }: BatchInput): Shape | Promise<Shape> {
    const entry = this.#entry(table)
    entry.description ??= this.#lookUp(entry, table)
    if (!(entry.description instanceof Promise)) return this.#shape(entry, table, columns, entry.description)
    return entry.description.then((description) => this.#shape(entry, table, columns, description))
  }

  /** Looks again; whether the table is another one than `version` knew. If so the next batch knows as well. */
  async isAltered(table: Table, version: string): Promise<boolean> {
    const description = await this.#describe(table.path)
    if (description.version === version) return false
    this.#entry(table).description = existing(description)
    return true
  }

  /** From now on statements stay unnamed. */
  refuseNames(table: Table): void {
    this.#named = false
    this.#entry(table).shapes = new WeakMap()
  }

  refusesCopy(table: Table): boolean {
    return this.#entry(table).copyRefused
  }

  refuseCopy(table: Table): void {
    this.#entry(table).copyRefused = true
  }

  #entry(table: Table): Entry {
    const known = this.#entries.get(table)
    if (known !== undefined) return known
    const entry: Entry = { description: undefined, shapes: new WeakMap(), copyRefused: false }
    this.#entries.set(table, entry)
    return entry
  }

  /** A failed look-up is not remembered. */
  #lookUp(entry: Entry, table: Table): Promise<Description> {
    const lookUp = this.#describe(table.path).then(
      (description) => {
        if (entry.description === lookUp) entry.description = existing(description)
        return description
      },
      (error: unknown) => {
        if (entry.description === lookUp) entry.description = undefined
        throw error
      },
    )
    return lookUp
  }

  #shape(entry: Entry, table: Table, columns: readonly string[], description: Description): Shape {
    const known = entry.shapes.get(columns)
    if (known?.version === description.version) return known
    const shape = new Shape(table, columns, description, this.#named)
    entry.shapes.set(columns, shape)
    return shape
  }
}

/** A missing table may be there next time. */
function existing(description: Description): Description | undefined {
  return description.columns.size > 0 ? description : undefined
}
