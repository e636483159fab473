import {
  type AttemptContext,
  AttemptError,
  type BatchInput,
  type Driver,
  type Operation,
  type RowFailure,
} from '../../../src/contract/driver.ts'
import type { Classification } from '../../../src/contract/reasons.ts'
import { ABORT_GRACE } from '../../../src/executor/attempt.ts'
import type { ManualClock } from '../engine/clock.ts'
import { MemoryError } from '../engine/memory-driver.ts'
import { NESTED } from './ledger.ts'
import type { Ending, Ping, Planning, Setup } from './steps.ts'

export interface FuzzRow {
  readonly id: number | null
  /** Counts the rows of a round: later rows have higher versions. */
  readonly version: number
  readonly extra?: number | string
  /** The call that it came with, where that had many: of others they may be read ahead. */
  readonly source?: number
}

/** What a driver can tell of an operation that it carries out. */
interface FuzzOperation extends Operation {
  readonly batch: BatchInput
  released: number
  /** An attempt at it was given up before the driver had settled. */
  leftBehind: boolean
  running: FuzzRun | undefined
}

/** A call of `run` that is not settled yet. */
export class FuzzRun {
  readonly operation: FuzzOperation
  readonly rows: readonly FuzzRow[]
  readonly resolve: (failures?: readonly RowFailure[]) => void
  readonly reject: (error: unknown) => void
  readonly #clock: ManualClock
  #abortedAt = Number.POSITIVE_INFINITY

  constructor(
    operation: FuzzOperation,
    signal: AbortSignal,
    clock: ManualClock,
    [resolve, reject]: [(failures?: readonly RowFailure[]) => void, (error: unknown) => void],
  ) {
    this.operation = operation
    this.rows = operation.batch.rows as readonly FuzzRow[]
    this.resolve = resolve
    this.reject = reject
    this.#clock = clock
    signal.addEventListener('abort', () => (this.#abortedAt = clock.now()), { once: true })
  }

  /** The engine waits for it no longer. */
  get isLeftBehind(): boolean {
    return this.#clock.now() - this.#abortedAt >= ABORT_GRACE
  }
}

/** A database whose every answer is the test's to choose, and which complains of whatever a driver is promised not to see. */
export class FuzzDriver implements Driver<FuzzOperation> {
  readonly name = 'memory'
  /** Broken promises. */
  readonly complaints: string[] = []
  readonly running: FuzzRun[] = []
  /** Plans to be answered. */
  readonly plans: (() => void)[] = []
  readonly operations: FuzzOperation[] = []
  /** By version, rows that the engine knows to be committed. */
  readonly committed = new Map<number, { readonly table: string; readonly row: FuzzRow }>()
  readonly #clock: ManualClock
  /** Absent where the database cannot be asked for a sign of life. */
  readonly ping?: () => Promise<void>
  readonly #planning: readonly Planning[]
  readonly #releaseThrows: boolean
  readonly #latest = new Map<string, number>()
  #planned = 0

  constructor(
    clock: ManualClock,
    { planning, releaseThrows, pings }: Pick<Setup, 'planning' | 'releaseThrows' | 'pings'>,
  ) {
    this.#clock = clock
    this.#planning = planning
    this.#releaseThrows = releaseThrows
    if (pings.length === 0) return
    let asked = 0
    this.ping = () => answerTo(pings[asked++ % pings.length]!)
  }

  plan(batch: BatchInput): FuzzOperation | Promise<FuzzOperation> {
    const planning = this.#planning[this.#planned++ % this.#planning.length]
    readAll(batch)
    if (planning === 'now') return this.#operation(batch)
    if (planning === 'rejects') return Promise.reject(new MemoryError('deadlock'))
    return new Promise((resolve) => this.plans.push(() => resolve(this.#operation(batch))))
  }

  run(operation: FuzzOperation, { signal }: AttemptContext): Promise<readonly RowFailure[] | undefined> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) this.complaints.push('an attempt began that had been given up')
      if (operation.released > 0) this.complaints.push('an operation ran that had been released')
      if (operation.running !== undefined) this.complaints.push('an operation ran twice at once')
      const run = new FuzzRun(operation, signal, this.#clock, [resolve, reject])
      this.#checkOrder(run)
      operation.running = run
      this.running.push(run)
    })
  }

  classify(error: unknown): Classification | undefined {
    return error instanceof MemoryError ? { reason: error.reason } : undefined
  }

  /** Batches under way, as far as the engine waits for them. */
  get awaited(): number {
    return this.running.filter((run) => !run.isLeftBehind).length
  }

  /** The last row of this key that an attempt was made with; 0 = none. */
  latest(table: string, key: number | null): number {
    return this.#latest.get(`${table} ${key}`) ?? 0
  }

  isInFlight(table: string, key: number | null): boolean {
    return this.running.some(
      ({ operation, isLeftBehind, rows }) =>
        operation.batch.table.name === table && !isLeftBehind && rows.some(({ id }) => id === key),
    )
  }

  end(run: FuzzRun, ending: Ending): void {
    this.running.splice(this.running.indexOf(run), 1)
    run.operation.running = undefined
    run.operation.leftBehind ||= run.isLeftBehind
    if (ending.ends === 'committed') this.#commit(run, [])
    else if (ending.ends === 'committed in part') this.#commit(run, ending.failed, ending.reason)
    else if (ending.ends === 'in nonsense') run.resolve([null as never])
    else if (ending.ends === 'failed') run.reject(new MemoryError(ending.reason))
    else run.reject(new AttemptError(new MemoryError(ending.reason), ending.details))
  }

  #commit(run: FuzzRun, failed: readonly number[], reason = ''): void {
    const { table } = run.operation.batch
    run.rows.forEach((row, index) => {
      if (failed.includes(index) || run.isLeftBehind) return
      if (this.committed.has(row.version)) this.complaints.push('a row was committed twice')
      this.committed.set(row.version, { table: table.name, row })
    })
    const failures = run.rows.map((_, index) => ({ index, error: new MemoryError(reason) }))
    run.resolve(failures.filter(({ index }) => failed.includes(index)))
  }

  #operation(batch: BatchInput): FuzzOperation {
    const operation: FuzzOperation = {
      name: 'INSERT',
      text: `INSERT INTO ${batch.table.name}`,
      batch,
      released: 0,
      leftBehind: false,
      running: undefined,
      release: () => this.#release(operation),
    }
    this.operations.push(operation)
    return operation
  }

  #release(operation: FuzzOperation): void {
    operation.released++
    if (operation.released > 1) this.complaints.push('an operation was released twice')
    if (operation.running !== undefined) this.complaints.push('an operation was released while it ran')
    if (this.#releaseThrows) throw new Error('cannot release')
  }

  #checkOrder(run: FuzzRun): void {
    const { table } = run.operation.batch
    const isSorted = run.rows.every(({ version, source }, i) => {
      const before = run.rows.slice(0, i).findLast((row) => row.source === source && (row.id ?? 0) < NESTED)
      return before === undefined || version > before.version
    })
    if (table.keys.length === 0 && !isSorted) this.complaints.push('rows without a key changed their order')
    if (table.keys.length > 0) for (const row of run.rows) if (row.id !== null) this.#checkKey(table.name, row)
  }

  #checkKey(table: string, { id, version }: FuzzRow): void {
    if (this.isInFlight(table, id)) this.complaints.push('a key was in flight twice')
    if (version < this.latest(table, id)) this.complaints.push('a row was overtaken by a later one of its key')
    this.#latest.set(`${table} ${id}`, version)
  }
}

function answerTo(ping: Ping): Promise<void> {
  if (ping === 'throws') throw new MemoryError('connection')
  if (ping === 'fails') return Promise.reject(new MemoryError('connection'))
  return ping === 'answers' ? Promise.resolve() : new Promise(() => {})
}

/** As a real driver encodes: a column that cannot be read is told as the fault of its row. */
function readAll({ rows, columns }: BatchInput): void {
  rows.forEach((row, rowIndex) => {
    try {
      for (const column of columns) Reflect.get(row, column)
    } catch (error) {
      throw new AttemptError(error, { rowIndex })
    }
  })
}
