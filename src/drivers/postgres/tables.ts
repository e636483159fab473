import type { BatchInput } from '../../contract/driver.ts'
import type { Table } from '../../contract/table.ts'
import type { Description } from './describe.ts'
import { Shape } from './form.ts'
import { unlessAborted } from './session.ts'

type Describe = (path: readonly string[], signal: AbortSignal) => Promise<Description>

interface Entry {
  description: Description | undefined
  lookUp: LookUp | undefined
  shapes: WeakMap<readonly string[], Shape>
  /** COPY was refused once; it would be again. */
  copyRefused: boolean
}

/** Remembers what the catalogue said about each table, and the shapes derived from it. */
export class Tables {
  readonly #describe: Describe
  /** Whether statements may be prepared under a name. */
  #named: boolean
  readonly #entries = new WeakMap<Table, Entry>()

  constructor(describe: Describe, named: boolean) {
    this.#describe = describe
    this.#named = named
  }

  /** At once when the table is known, else after one look-up that all who ask meanwhile share. */
  shapeOf({ table, columns }: BatchInput, signal: AbortSignal): Shape | Promise<Shape> {
    const entry = this.#entry(table)
    if (entry.description !== undefined) return this.#shape(entry, table, columns, entry.description)
    entry.lookUp ??= this.#lookUp(entry, table)
    return entry.lookUp.join(signal).then((description) => this.#shape(entry, table, columns, description))
  }

  /** Looks again; whether the table is another one than `version` knew. If so the next batch knows as well. */
  async isAltered(table: Table, version: string, signal: AbortSignal): Promise<boolean> {
    const description = await this.#describe(table.path, signal)
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
    const entry: Entry = { description: undefined, lookUp: undefined, shapes: new WeakMap(), copyRefused: false }
    this.#entries.set(table, entry)
    return entry
  }

  /** A failed look-up is not remembered. */
  #lookUp(entry: Entry, table: Table): LookUp {
    return new LookUp((signal) =>
      this.#describe(table.path, signal)
        .then((description) => {
          entry.description = existing(description)
          return description
        })
        .finally(() => {
          entry.lookUp = undefined
        }),
    )
  }

  #shape(entry: Entry, table: Table, columns: readonly string[], description: Description): Shape {
    const known = entry.shapes.get(columns)
    if (known?.version === description.version) return known
    const shape = new Shape(table, columns, description, this.#named)
    entry.shapes.set(columns, shape)
    return shape
  }
}

/** One question for everybody who waits; when the last of them has given up, so has it. */
class LookUp {
  readonly #controller = new AbortController()
  readonly #result: Promise<Description>
  #waiting = 0

  constructor(describe: (signal: AbortSignal) => Promise<Description>) {
    this.#result = describe(this.#controller.signal)
  }

  async join(signal: AbortSignal): Promise<Description> {
    this.#waiting++
    try {
      return await unlessAborted(this.#result, signal)
    } finally {
      this.#waiting--
      if (this.#waiting === 0 && signal.aborted) this.#controller.abort(signal.reason)
    }
  }
}

/** A missing table may be there next time. */
function existing(description: Description): Description | undefined {
  return description.columns.size > 0 ? description : undefined
}
