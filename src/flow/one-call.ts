import type { Row, Table } from '../contract/table.ts'
import type { Lanes } from '../lanes/lanes.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { Call } from './call.ts'
import { ACCEPTED, type Intake } from './intake.ts'
import type { RowSink } from './row-source.ts'
import type { AllSettled } from './waiters.ts'

/** Where the rows of one call go. */
export class OneCall implements RowSink<Row> {
  readonly #intake: Intake
  readonly #lanes: Lanes
  readonly #table: Table
  readonly #signal: AbortSignal | undefined
  readonly #all: AllSettled | undefined
  readonly #origin = new Call()

  /** @param all hears what becomes of each row, also that it was not accepted; else the call fails of the first such row */
  constructor(
    { intake, lanes }: { readonly intake: Intake; readonly lanes: Lanes },
    table: Table,
    signal: AbortSignal | undefined,
    all?: AllSettled,
  ) {
    this.#intake = intake
    this.#lanes = lanes
    this.#table = table
    this.#signal = signal
    this.#all = all
  }

  one(row: Row): Promise<void> {
    const all = this.#all
    all?.next(1)
    try {
      const accepted = this.#intake.submit(this.#lanes.of(this.#table), row, all, this.#signal, this.#origin)
      return accepted === ACCEPTED || all === undefined ? accepted : accepted.catch((error) => all.failed(error))
    } catch (error) {
      if (all === undefined) return Promise.reject(error)
      all.failed(error as BatchFlowError)
      return ACCEPTED
    }
  }

  some(rows: readonly Row[], first: number): number {
    if (this.#signal?.aborted) return 0
    return this.#intake.submitSome(this.#lanes.of(this.#table), rows, first, this.#all, this.#origin)
  }
}
