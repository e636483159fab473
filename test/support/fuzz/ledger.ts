import {
  AbandonedError,
  AbortedError,
  ClosedError,
  FullError,
  InvalidRowError,
  RowFailedError,
} from '../../../src/contract/errors.ts'
import type { ConflictAction } from '../../../src/contract/table.ts'
import type { Receipt } from '../../../src/lanes/waiter.ts'
import type { RowSpec } from './steps.ts'

/** Keys of rows that are handed over within another call are beyond it. */
export const NESTED = 1000

/** A row that was handed over, and what its caller was told of it. */
export interface Submitted {
  readonly table: ConflictAction
  /** `null`: it has no key, or none that can be read. */
  readonly key: number | null
  readonly version: number
  readonly row: object
  told: 'nothing' | 'refused' | 'accepted' | 'committed' | 'failed'
}

/** A promise that was given out. */
export interface Call {
  readonly name: string
  readonly signal: AbortSignal | undefined
  readonly promise: Promise<unknown>
  settled: boolean
}

/** Everything that the flow was given in one round, and everything it said. */
export class FuzzLedger {
  readonly rows: Submitted[] = []
  readonly calls: Call[] = []
  readonly complaints: string[] = []

  #versions = 0

  /** @param source tells the call that it comes with, where that has many. @param submit hands over another row */
  create(
    table: ConflictAction,
    { kind, key, source }: RowSpec & { readonly source?: number },
    submit: () => void,
  ): Submitted {
    const version = ++this.#versions
    const id = kind === 'without key' ? null : key
    const row = {
      id,
      version,
      source,
      ...(kind === 'whole' && { extra: version }),
      ...(kind === 'large' && { extra: LARGE }),
    }
    if (kind === 'unreadable key') unreadable(row, 'id')
    if (kind === 'unreadable column') unreadable(row, 'extra')
    if (kind === 'submitting') submitting(row, 'extra', { reads: key, submit })
    const given = { none: null, hole: undefined, number: key }[kind as string]
    const isRow = given === undefined && kind !== 'hole'
    return this.#add(table, version, kind === 'unreadable key' ? null : id, isRow ? row : (given as never)) // without types
  }

  /** A row that is handed over within another call, perhaps before the row of that: it has a key of its own. */
  createNested(table: ConflictAction): Submitted {
    const version = ++this.#versions
    const id = NESTED + version
    return this.#add(table, version, id, { id, version })
  }

  #add(table: ConflictAction, version: number, key: number | null, row: object): Submitted {
    const entry: Submitted = { table, key, version, row, told: 'nothing' }
    this.rows.push(entry)
    return entry
  }

  /** They were read, and never handed over. */
  forget(entries: readonly Submitted[]): void {
    for (const entry of entries) this.rows.splice(this.rows.indexOf(entry), 1)
  }

  /** What a receiver is told of its row, by `tell`. */
  tellOnce(entry: Submitted, tell: () => void): void {
    if (entry.told !== 'nothing') this.complaints.push('a receiver was told twice')
    tell()
  }

  /** Notes when `promise` settles; what it says is for whoever gave it out. */
  track(name: string, promise: Promise<unknown>, signal?: AbortSignal): Call {
    const call: Call = { name, signal, promise, settled: false }
    const done = () => void (call.settled = true)
    promise.then(done, done)
    this.calls.push(call)
    return call
  }

  /** The outcome of `submit`. */
  tellAccepted(entry: Submitted, accepted: Promise<void>): void {
    accepted.then(
      () => (entry.told = 'accepted'),
      (error) => this.tellFailed(entry, error),
    )
  }

  /** The outcome of `write`. */
  tellWritten(entry: Submitted, written: Promise<Receipt>): void {
    written.then(
      () => (entry.told = 'committed'),
      (error) => this.tellFailed(entry, error),
    )
  }

  tellFailed(entry: Submitted, error: unknown): void {
    if (error instanceof RowFailedError || error instanceof AbandonedError) entry.told = 'failed'
    else if (error instanceof AbortedError && error.accepted) entry.told = 'accepted'
    else {
      entry.told = 'refused'
      const isExpected = [AbortedError, ClosedError, FullError, InvalidRowError].some((type) => error instanceof type)
      if (!isExpected) this.complaints.push(`a row was refused with ${error}`)
    }
  }

  pending(isMeant: (call: Call) => boolean = () => true): string[] {
    return this.calls.filter((call) => !call.settled && isMeant(call)).map(({ name }) => name)
  }

  get accepted(): number {
    return this.rows.filter(({ told }) => told !== 'refused').length
  }
}

/** In the column `extra`. */
const LARGE = 'x'.repeat(200)

/** Hands over another row, once, when it was read `reads` times. */
function submitting(row: object, column: string, { reads, submit }: { reads: number; submit(): void }): void {
  let left = reads
  const get = () => {
    if (left-- === 0) submit()
    return 1
  }
  Object.defineProperty(row, column, { get, enumerable: true })
}

function unreadable(row: object, column: string): void {
  const get = () => {
    throw new Error(`${column} cannot be read`)
  }
  Object.defineProperty(row, column, { get, enumerable: true })
}
