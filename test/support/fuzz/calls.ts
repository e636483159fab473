import { RowFailedError } from '../../../src/contract/errors.ts'
import type { ConflictAction, Table } from '../../../src/contract/table.ts'
import type { BatchFlow } from '../../../src/flow/batch-flow.ts'
import type { Receiver } from '../../../src/lanes/waiter.ts'
import { tables } from './flow.ts'
import type { FuzzLedger, Submitted } from './ledger.ts'
import type { RowSpec, Source, Target } from './steps.ts'

/** How often in a row: two that never give up take each other's place for as long as the database says nothing. */
const INSISTENCE = 3

/** What a source of rows throws as it is read. */
class SourceError extends Error {}

/** Hands rows to a flow in every way there is, and has what it says of them noted. */
export class FuzzCalls {
  readonly #flow: BatchFlow
  readonly #ledger: FuzzLedger
  /** The signal of this number. */
  readonly #signalOf: (nth: number) => AbortSignal

  #sources = 0

  constructor(flow: BatchFlow, ledger: FuzzLedger, signalOf: (nth: number) => AbortSignal) {
    this.#flow = flow
    this.#ledger = ledger
    this.#signalOf = signalOf
  }

  submit(target: Target, spec: RowSpec): void {
    const { table, signal } = this.#resolve(target)
    const entry = this.#create(target.table, spec)
    const accepted = this.#flow.submit(table, entry.row, { signal })
    this.#ledger.tellAccepted(entry, accepted)
    this.#ledger.track('submit', accepted, signal)
  }

  write(target: Target, spec: RowSpec): void {
    const { table, signal } = this.#resolve(target)
    const entry = this.#create(target.table, spec)
    const written = this.#flow.write(table, entry.row, { signal })
    this.#ledger.tellWritten(entry, written)
    this.#ledger.track('write', written, signal)
  }

  trySubmit(action: ConflictAction, spec: RowSpec): void {
    const entry = this.#create(action, spec)
    try {
      entry.told = this.#flow.trySubmit(tables[action], entry.row) ? 'accepted' : 'refused'
    } catch (error) {
      this.#ledger.tellFailed(entry, error)
    }
  }

  /** @param insists whoever is told that the row made room for others hands over another one at once */
  deliver(target: Target, spec: RowSpec, insists: boolean): void {
    this.#deliver(target, this.#create(target.table, spec), insists ? INSISTENCE : 0)
  }

  #deliver(target: Target, entry: Submitted, insists: number): void {
    const { table, signal } = this.#resolve(target)
    const receiver: Receiver = {
      committed: () => this.#ledger.tellOnce(entry, () => (entry.told = 'committed')),
      failed: (error) => {
        this.#ledger.tellOnce(entry, () => this.#ledger.tellFailed(entry, error))
        const isDropped = error instanceof RowFailedError && error.reason === 'overflow'
        if (insists > 0 && isDropped) this.#deliver(target, this.#ledger.createNested(target.table), insists - 1)
      },
    }
    const accepted = this.#flow.deliver(table, entry.row, receiver, { signal })
    accepted.catch((error) => this.#ledger.tellOnce(entry, () => this.#ledger.tellFailed(entry, error)))
    this.#ledger.track('submit', accepted, signal)
  }

  writeMany(target: Target, specs: readonly RowSpec[], source: Source): void {
    const { table, signal } = this.#resolve(target)
    const { entries, rows } = this.#rows(target.table, specs, source)
    const outcomes = this.#flow.writeMany(table, rows, { signal }).then((results) => {
      for (const [i, result] of results.entries()) {
        if (result.status === 'fulfilled') entries[i]!.told = 'committed'
        else this.#ledger.tellFailed(entries[i]!, result.reason)
      }
    })
    this.#ledger.track('writeMany', outcomes, signal)
  }

  /** @param breaksAt which of the rows the source throws in place of */
  submitMany(target: Target, specs: readonly RowSpec[], source: Source, breaksAt: number | undefined): void {
    const { table, signal } = this.#resolve(target)
    const read = this.#rows(target.table, specs, source, breaksAt)
    const accepted = this.#flow.submitMany(table, read.rows, { signal }).catch((error) => {
      const beyond = read.entries.splice(read.last())
      if (beyond.length > 0) this.#ledger.tellFailed(beyond.shift()!, error)
      this.#ledger.forget(beyond)
    })
    const told = accepted.then(() => {
      for (const entry of read.entries) entry.told = 'accepted'
    })
    this.#ledger.track('submit', told, signal)
  }

  /** Rows are made as they are read: so their versions follow the order in which they are handed over. */
  #rows(action: ConflictAction, specs: readonly RowSpec[], source: Source, breaksAt?: number) {
    const entries: Submitted[] = []
    const from = ++this.#sources
    let last = 0
    const at = (index: number): object => {
      last = index
      if (index === breaksAt) throw new SourceError()
      return (entries[index] ??= this.#create(action, { ...specs[index]!, source: from })).row
    }
    const rows = source === 'array' ? arrayOf(specs.length, at) : eachOf(specs.length, at)
    return { entries, rows, last: () => last }
  }

  #create(action: ConflictAction, spec: RowSpec & { readonly source?: number }): Submitted {
    return this.#ledger.create(action, spec, () => this.#nest(action))
  }

  /** Hands over a row within another call. */
  #nest(action: ConflictAction): void {
    const entry = this.#ledger.createNested(action)
    const accepted = this.#flow.submit(tables[action], entry.row)
    this.#ledger.tellAccepted(entry, accepted)
    this.#ledger.track('submit', accepted)
  }

  #resolve({ table, signal }: Target): { table: Table<object>; signal: AbortSignal | undefined } {
    return { table: tables[table], signal: signal === undefined ? undefined : this.#signalOf(signal) }
  }
}

function* eachOf(length: number, at: (index: number) => object): Iterable<object> {
  for (let index = 0; index < length; index++) yield at(index)
}

function arrayOf(length: number, at: (index: number) => object): readonly object[] {
  return new Proxy(new Array<object>(length).fill({}), {
    get: (array, property) =>
      Number.isNaN(Number(String(property))) ? Reflect.get(array, property) : at(Number(property)),
  })
}
