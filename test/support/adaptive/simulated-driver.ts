import type { BatchInput, Driver, Operation } from '../../../src/contract/driver.ts'
import type { ManualClock } from '../engine/clock.ts'
import { MemoryError } from '../engine/memory-driver.ts'
import type { SimulatedDatabase } from './simulated-database.ts'

interface SimulatedOperation extends Operation {
  readonly rows: number
}

/** A simulated database behind a flow, on the flow's clock. */
export class SimulatedDriver implements Driver<SimulatedOperation> {
  readonly name = 'memory'
  /** Rows of each batch that was committed. */
  readonly sizes: number[] = []
  /** It can be reached. */
  isUp = true
  readonly #database: SimulatedDatabase
  readonly #clock: ManualClock

  constructor(database: SimulatedDatabase, clock: ManualClock) {
    this.#database = database
    this.#clock = clock
  }

  plan({ rows, table }: BatchInput): SimulatedOperation {
    return { name: 'INSERT', text: `INSERT INTO ${table.name}`, rows: rows.length }
  }

  async run({ rows }: SimulatedOperation): Promise<undefined> {
    const now = this.#clock.now()
    await this.#pause(this.#database.take(rows, now) - now)
    this.#check()
    this.sizes.push(rows)
  }

  async ping(): Promise<void> {
    this.#check()
  }

  classify(error: unknown): { reason: string } | undefined {
    return error instanceof MemoryError ? { reason: error.reason } : undefined
  }

  #check(): void {
    if (!this.isUp) throw new MemoryError('connection')
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.#clock.timer(resolve).start(milliseconds))
  }
}
