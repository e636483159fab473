import type { AttemptContext, BatchInput, Driver, Operation, RowFailure } from '../../../src/contract/driver.ts'
import type { Classification } from '../../../src/contract/reasons.ts'
import type { Row } from '../../../src/contract/table.ts'

interface MemoryOperation extends Operation {
  readonly batch: BatchInput
}

/** One attempt that reached the driver; the test decides how it ends. */
export interface Run {
  readonly batch: BatchInput
  readonly rows: readonly Row[]
  readonly signal: AbortSignal
  /** @param superseded how many rows changed nothing */
  succeed(failures?: readonly RowFailure[], superseded?: number): void
  fail(error: unknown): void
}

/**
 * A database in memory for unit tests: it stands in where the order and the moment of outcomes must be the test's to
 * choose. What only a real server can show is in test/live.
 */
export class MemoryDriver implements Driver<MemoryOperation> {
  readonly name = 'memory'
  readonly deletes: boolean = true
  /** Every attempt, in order. */
  readonly runs: Run[] = []
  /** Rows of attempts that succeeded, in the order they did. */
  readonly committed: Row[] = []
  /** What an attempt of no row ends with. */
  fault: 'row' | 'place' = 'place'
  probes = 0
  /** Its sign of life, where the test gives it one. */
  ping?: (attempt: AttemptContext) => Promise<void>
  /** What it says that its operations take. */
  byteLength: number | undefined
  planned = 0
  released = 0
  /** Decides at once; without it runs wait for `succeed` or `fail`. */
  readonly #answer: ((run: Run) => void) | undefined

  constructor(answer?: (run: Run) => void) {
    this.#answer = answer
  }

  plan(batch: BatchInput): MemoryOperation {
    this.planned++
    const { byteLength } = this
    const release = () => void this.released++
    return { name: 'INSERT', text: `INSERT INTO ${batch.table.name}`, byteLength, batch, release }
  }

  run({ batch }: MemoryOperation, { signal, superseded }: AttemptContext): Promise<readonly RowFailure[] | undefined> {
    return new Promise((resolve, reject) => {
      const succeed = (failures?: readonly RowFailure[], unchanged = 0) => {
        superseded?.(unchanged)
        const failed = new Set(failures?.map(({ index }) => index))
        this.committed.push(...batch.rows.filter((_, index) => !failed.has(index)))
        resolve(failures)
      }
      const run = { batch, rows: batch.rows, signal, succeed, fail: reject }
      this.runs.push(run)
      this.#answer?.(run)
    })
  }

  async probe(): Promise<void> {
    this.probes++
    if (this.fault === 'place') throw new MemoryError('unknown')
  }

  classify(error: unknown): Classification | undefined {
    return error instanceof MemoryError ? { reason: error.reason } : undefined
  }
}

/** An error of the memory database, by its reason. */
export class MemoryError extends Error {
  readonly reason: string

  constructor(reason: string) {
    super(`the memory database says ${reason}`)
    this.reason = reason
  }
}

/** A memory database that commits at once. */
export function committing(): MemoryDriver {
  return new MemoryDriver((run) => run.succeed())
}
