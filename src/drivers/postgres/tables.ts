import type { BatchInput } from '../../contract/driver.ts'
import type { Table } from '../../contract/table.ts'
import { unlessAborted } from '../../support/abort.ts'
import { Forms } from '../kit/forms.ts'
import { withoutEffect } from '../kit/without-effect.ts'
import { dateZoneOf } from './date-zone.ts'
import type { Description } from './describe.ts'
import { Form } from './form.ts'

type Describe = (path: readonly string[], signal: AbortSignal) => Promise<Description>

interface Entry {
  description: Description | undefined
  lookUp: LookUp | undefined
  /** COPY was refused once; it would be again. */
  copyRefused: boolean
}

/** Remembers what the catalogue said about each table, and the forms derived from it. */
export class Tables {
  readonly #describe: Describe
  #named: boolean
  readonly #entries = new WeakMap<Table, Entry>()
  readonly #forms = new Forms<Form>()

  constructor(describe: Describe, named: boolean) {
    this.#describe = describe
    this.#named = named
  }

  /** Whether statements may be prepared under a name. */
  get named(): boolean {
    return this.#named
  }

  /** At once when the table is known, else after one look-up that all who ask meanwhile share. */
  formOf(batch: BatchInput, signal: AbortSignal): Form | Promise<Form> {
    const entry = this.#entry(batch.table)
    if (entry.description !== undefined) return this.#form(batch, entry.description)
    entry.lookUp ??= this.#lookUp(entry, batch.table)
    return entry.lookUp.join(signal).then((description) => this.#form(batch, description))
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
    this.#forms.forget(table)
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
    const entry: Entry = { description: undefined, lookUp: undefined, copyRefused: false }
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

  /** An application may change the defaults of `pg` at any time. */
  #form(batch: BatchInput, description: Description): Form {
    const zone = dateZoneOf(description.prepareValue)
    const known = this.#forms.get(batch)
    if (known?.version === description.version && known.zone === zone) return known
    const options = { named: this.#named, zone }
    return this.#forms.set(batch, new Form(batch, description, options))
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
    } catch (error) {
      throw withoutEffect(error)
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
