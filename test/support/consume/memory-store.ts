import type { Companion, Companions } from '../../../src/contract/companion.ts'
import {
  type AttemptContext,
  AttemptError,
  type BatchInput,
  type Driver,
  type Operation,
  type RowFailure,
} from '../../../src/contract/driver.ts'
import { FencedError } from '../../../src/contract/errors.ts'
import type { Classification } from '../../../src/contract/reasons.ts'
import type { Row, Table } from '../../../src/contract/table.ts'

interface StoreOperation extends Operation {
  readonly batch: BatchInput
}

/** What a test has happen to an attempt: it is refused, or carried out and its answer lost. */
export type Fate = 'commit' | 'place' | 'lost'

/**
 * A database in memory that has transactions: the rows of a batch and the position that goes with them are there together or not
 * at all. It stands in for real ones where the moment of each outcome must be the test's to choose.
 */
export class MemoryStore implements Driver<StoreOperation> {
  readonly name = 'memory'
  /** Rows as they were appended, or by their keys, per table. */
  readonly appended = new Map<string, Row[]>()
  readonly keyed = new Map<string, Map<string, Row>>()
  readonly positions = new Map<string, string>()
  readonly batches: {
    readonly table: string
    readonly rows: readonly Row[]
    readonly companion: Companion | undefined
  }[] = []
  /** Companions committed by themselves. */
  readonly moves: Companion[] = []
  fences = 0
  /** It says which row is at fault, or that it is the first one. */
  names: boolean | 'wrongly' = false
  /** Asked for each attempt, and waited for. */
  decide: (batch: BatchInput) => Fate | Promise<Fate> = () => 'commit'
  /** What it throws is what a claim, or a move by itself, ends with. */
  onCompanion: (what: 'claim' | 'commit') => Promise<void> | void = () => {}
  companions: Companions | undefined = {
    claim: (scopes) => this.#claim(scopes),
    commit: (companion) => this.#commit(companion),
    prepare: async () => {},
    committed: async () => false,
    sweep: async () => 0,
  }

  plan(batch: BatchInput): StoreOperation {
    return { name: 'INSERT', text: `INSERT INTO ${batch.table.name}`, batch }
  }

  async run(
    { batch }: StoreOperation,
    { companion, isolate, signal }: AttemptContext,
  ): Promise<readonly RowFailure[] | undefined> {
    const fate = await this.decide(batch)
    signal.throwIfAborted()
    if (fate === 'place') throw new StoreError('permission')
    const bad = batch.rows.flatMap((row, index) => ('bad' in row && row.bad === true ? [index] : []))
    if (bad.length > 0 && !(isolate && companion === undefined)) throw this.#refusal(bad[0]!)
    this.#move(companion)
    const rows = batch.rows.filter((_, index) => !bad.includes(index))
    this.batches.push({ table: batch.table.name, rows, companion })
    for (const row of rows) this.#write(batch.table, row)
    if (fate === 'lost') throw new AttemptError(new StoreError('connection'), { ambiguous: true })
    return bad.length === 0 ? undefined : bad.map((index) => ({ index, error: new StoreError('constraint') }))
  }

  #refusal(index: number): Error {
    const error = new StoreError('constraint')
    if (this.names === false) return error
    return new AttemptError(error, { rowIndex: this.names === 'wrongly' ? 0 : index })
  }

  #move(companion: Companion | undefined): void {
    if (companion?.kind !== 'move') return
    const { scope, expected, value } = companion
    if (this.positions.get(scope) !== expected) {
      this.fences++
      throw new FencedError(scope)
    }
    this.positions.set(scope, value)
  }

  #write({ name, keys, action }: Table, row: Row): void {
    if (keys.length === 0) {
      this.appended.set(name, [...(this.appended.get(name) ?? []), row])
      return
    }
    const rows = this.keyed.get(name) ?? new Map<string, Row>()
    const key = JSON.stringify(keys.map((column) => Reflect.get(row, column)))
    if (action !== 'ignore' || !rows.has(key)) rows.set(key, { ...(action === 'update' ? rows.get(key) : {}), ...row })
    this.keyed.set(name, rows)
  }

  async #claim(scopes: readonly string[]): Promise<ReadonlyMap<string, string>> {
    await this.onCompanion('claim')
    for (const scope of scopes) if (!this.positions.has(scope)) this.positions.set(scope, '')
    return new Map(scopes.map((scope) => [scope, this.positions.get(scope)!]))
  }

  async #commit(companion: Companion): Promise<void> {
    await this.onCompanion('commit')
    this.#move(companion)
    this.moves.push(companion)
  }

  async probe(): Promise<void> {}

  classify(error: unknown): Classification | undefined {
    if (!(error instanceof StoreError)) return undefined
    const { reason } = error
    return { reason, isolate: reason === 'constraint', retryable: false, outage: false, code: `M_${reason}` }
  }
}

class StoreError extends Error {
  readonly reason: string

  constructor(reason: string) {
    super(`the memory store says ${reason}`)
    this.reason = reason
  }
}
