import type { AttemptContext, BatchInput, Driver, Operation, RowFailure } from '../contract/driver.ts'
import type { Classification } from '../contract/reasons.ts'
import { OptionError } from '../support/batchflow-error.ts'
import { show } from '../support/validate.ts'
import { MemoryDatabaseError } from './errors.ts'

interface MemoryOperation extends Operation {
  readonly batch: BatchInput
}

/** What a memory database is to its driver. */
export interface MemoryServer {
  /** Rejects with an `AttemptError` while it is away. */
  ping(): void
  /** Resolves when attempts go on; rejects when `signal` is aborted before. */
  free(signal: AbortSignal): Promise<void>
  /** One attempt, in one go; returns the rows that are left out. */
  attempt(batch: BatchInput, isolate: boolean): readonly RowFailure[]
}

/** Carries batches to a memory database. */
export class MemoryDriver implements Driver<MemoryOperation> {
  readonly name = 'memory'
  readonly deletes = true
  readonly #server: MemoryServer

  constructor(server: MemoryServer) {
    this.#server = server
  }

  /** @throws {OptionError} for a table with `onConflict.sql`, which nobody here could carry out */
  plan(batch: BatchInput): MemoryOperation {
    const { action, name } = batch.table
    if (action === 'sql') throw new OptionError(`table ${show(name)}: onConflict.sql is for databases that speak SQL`)
    if (batch.deletions) return { name: 'DELETE', text: `DELETE FROM ${batch.table.name}`, batch }
    return { name: 'INSERT', text: `INSERT INTO ${batch.table.name}`, batch }
  }

  async run({ batch }: MemoryOperation, { signal, isolate = false }: AttemptContext): Promise<readonly RowFailure[]> {
    await this.#server.free(signal)
    return this.#server.attempt(batch, isolate)
  }

  /** A batch of no row: what is refused then, the place refuses. */
  async probe(): Promise<void> {
    this.#server.ping()
  }

  async ping(): Promise<void> {
    this.#server.ping()
  }

  classify(error: unknown): Classification | undefined {
    return error instanceof MemoryDatabaseError ? { reason: error.reason } : undefined
  }
}
