import { AttemptError, type BatchInput, type RowFailure } from '../contract/driver.ts'
import type { Reason } from '../contract/reasons.ts'
import type { Row, Table } from '../contract/table.ts'
import { createExecutor, type Executor } from '../executor/executor.ts'
import { MemoryDatabaseError } from './errors.ts'
import { MemoryDriver } from './memory-driver.ts'
import { StoredTable } from './stored-table.ts'

/** One attempt the database saw, in the order they ended. */
export interface MemoryAttempt {
  readonly table: string
  /** As they were submitted, after merging; deletions among them have an attempt of their own. */
  readonly rows: readonly Row[]
  /** `undefined`: committed, but for the rows it refused. */
  readonly reason: Reason | undefined
  /** Rows that were refused. */
  readonly refused: number
}

export interface FailOptions {
  /** How many attempts. @default 1 */
  readonly times?: number
  /** Only attempts at this table. */
  readonly table?: Table<never> | Table<Row>
  /** The rows are written nevertheless, and nobody learns of it, as when an answer is lost. @default false */
  readonly committed?: boolean
}

interface Fault extends FailOptions {
  readonly reason: Reason
  left: number
}

type Refuse = (row: Row) => Reason | undefined

/**
 * A database in memory for tests of one's own service: it keeps rows as the four databases do (`onConflict`, unique keys,
 * whole batches or nothing) and fails when it is told to. It stands in where a test wants to look at rows, or at what the service
 * does with a failure; that statements are right is for tests against a real server.
 */
export class MemoryDatabase {
  /** What batches were tried, in the order they ended. */
  readonly attempts: MemoryAttempt[] = []
  readonly #tables = new Map<string, StoredTable>()
  readonly #refusals = new Map<string, Set<Refuse>>()
  #faults: Fault[] = []
  #away: Reason | undefined
  #held: (() => void)[] | undefined

  /** An executor over it, with the defaults of every other one: retries, isolation of bad rows, waiting out outages. */
  executor(): Executor {
    return createExecutor(
      new MemoryDriver({
        ping: () => this.#ping(),
        free: (signal) => this.#free(signal),
        attempt: (batch, isolate) => this.#attempt(batch, isolate),
      }),
    )
  }

  /** The rows of a table, in the order they were first written; copies. */
  rows<R extends Row>(table: Table<R>): R[] {
    return this.#table(table.name).rows.map((row) => ({ ...row }) as R)
  }

  /** Puts rows there before a test, past every fault. @throws {MemoryDatabaseError} `duplicate_key` */
  insert<R extends Row>(table: Table<R>, ...rows: readonly NoInfer<R>[]): void {
    for (const row of rows) this.#table(table.name).write(table as Table, row)
  }

  /** No two rows of the table may share these columns: the second one fails with `duplicate_key`. */
  unique<R extends Row>(table: Table<R>, ...columns: readonly (keyof R & string)[]): void {
    this.#table(table.name).addUnique(columns)
  }

  /**
   * Refuses single rows of a table, as a CHECK does, and no deletions: with the reason that `refuse` gives, if any.
   *
   * @returns lifts it again, as when the constraint is dropped
   */
  refuse<R extends Row>(table: Table<R>, refuse: (row: R) => Reason | undefined): () => void {
    const refusals = this.#refusals.get(table.name) ?? new Set()
    this.#refusals.set(table.name, refusals.add(refuse as Refuse))
    return () => void refusals.delete(refuse as Refuse)
  }

  /** The next attempts fail as a whole, for one of the reasons of the metrics: `deadlock`, `connection`, `permission` … */
  fail(reason: Reason, options: FailOptions = {}): void {
    this.#faults.push({ ...options, reason, left: options.times ?? 1 })
  }

  /** It cannot be reached until {@link back}: executors wait, see `maxOutage`. @param reason `connection`, `read_only`, `out_of_space` … */
  leave(reason: Reason = 'connection'): void {
    this.#away = reason
  }

  back(): void {
    this.#away = undefined
  }

  /** Attempts wait until {@link release}, as behind a lock. */
  hold(): void {
    this.#held ??= []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const go of held) go()
  }

  /** Forgets rows, attempts and faults. Unique keys and refusals stay. */
  clear(): void {
    for (const table of this.#tables.values()) table.replace([])
    this.attempts.length = 0
    this.#faults = []
    this.back()
    this.release()
  }

  #ping(): void {
    if (this.#away !== undefined) throw new AttemptError(new MemoryDatabaseError(this.#away), { unreachable: true })
  }

  async #free(signal: AbortSignal): Promise<void> {
    const held = this.#held
    if (held === undefined) return
    await new Promise<void>((resolve, reject) => {
      held.push(resolve)
      const give = () => reject(new AttemptError(signal.reason, { ambiguous: false }))
      signal.addEventListener('abort', give, { once: true })
    })
  }

  #attempt(batch: BatchInput, isolate: boolean): readonly RowFailure[] {
    const { table, rows } = batch
    try {
      const failures = this.#carryOut(batch, isolate)
      this.attempts.push({ table: table.name, rows, reason: undefined, refused: failures.length })
      return failures
    } catch (error) {
      const { reason } = (error instanceof AttemptError ? error.cause : error) as MemoryDatabaseError
      this.attempts.push({ table: table.name, rows, reason, refused: rows.length })
      throw error
    }
  }

  #carryOut(batch: BatchInput, isolate: boolean): readonly RowFailure[] {
    this.#ping()
    const fault = this.#nextFault(batch.table)
    if (fault !== undefined && fault.committed !== true) throw faultOf(fault)
    const failures = this.#write(batch, isolate)
    if (fault !== undefined) throw faultOf(fault)
    return failures
  }

  #write({ table, rows, deletions = false }: BatchInput, isolate: boolean): readonly RowFailure[] {
    const stored = this.#table(table.name)
    if (deletions) {
      stored.delete(table, rows)
      return []
    }
    const before = stored.save()
    const failures: RowFailure[] = []
    rows.forEach((row, index) => {
      try {
        this.#check(table, row)
        stored.write(table, row)
      } catch (error) {
        failures.push({ index, error })
      }
    })
    const [first] = failures
    if (first === undefined || (isolate && rows.length > 1)) return failures
    stored.replace(before)
    throw new AttemptError(first.error, { rowIndex: first.index })
  }

  #check(table: Table, row: Row): void {
    for (const refuse of this.#refusals.get(table.name) ?? []) {
      const reason = refuse(row)
      if (reason !== undefined) throw new MemoryDatabaseError(reason)
    }
  }

  #nextFault(table: Table): Fault | undefined {
    const fault = this.#faults.find((other) => other.table === undefined || other.table.name === table.name)
    if (fault !== undefined && --fault.left === 0) this.#faults.splice(this.#faults.indexOf(fault), 1)
    return fault
  }

  #table(name: string): StoredTable {
    let table = this.#tables.get(name)
    if (table === undefined) this.#tables.set(name, (table = new StoredTable()))
    return table
  }
}

function faultOf({ reason, committed = false }: Fault): AttemptError {
  return new AttemptError(new MemoryDatabaseError(reason), { ambiguous: committed, fault: 'place' })
}
