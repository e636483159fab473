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

  create(table: ConflictAction, { kind, key }: RowSpec): Submitted {
    const version = this.rows.length + 1
    const id = kind === 'without key' ? null : key
    const row = { id, version, ...(kind === 'whole' && { extra: version }) }
    if (kind === 'unreadable key') unreadable(row, 'id')
    if (kind === 'unreadable column') unreadable(row, 'extra')
    const isRow = kind !== 'none'
    const entry: Submitted = {
      table,
      key: kind === 'unreadable key' ? null : id,
      version,
      row: isRow ? row : (null as never), // what a caller without types may pass
      told: 'nothing',
    }
    this.rows.push(entry)
    return entry
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

function unreadable(row: object, column: string): void {
  const get = () => {
    throw new Error(`${column} cannot be read`)
  }
  Object.defineProperty(row, column, { get, enumerable: true })
}
