import { AbandonedError } from '../contract/errors.ts'
import type { Row } from '../contract/table.ts'
import type { BatchRun } from '../executor/batch-run.ts'
import type { Receipt } from '../lanes/batch.ts'
import type { DeadLetter, DeadLetters, FailedRows } from './dead-letters.ts'
import type { FlowSettings } from './options.ts'

/** What became of the rows of a flow. */
export interface CloseSummary {
  readonly committed: number
  /** Rows that failed for good, dead letters included. */
  readonly failed: number
  /** Rows accepted but not settled when time ran out. */
  readonly abandoned: number
  /** The abandoned rows; rows merged into one (same conflict key) appear as that one. */
  readonly abandonedRows: readonly AbandonedRow[]
  /** Rows that failed and that the `deadLetter` handler failed to take: the first of them, as many as the buffer holds. */
  readonly undelivered: readonly DeadLetter[]
}

export interface AbandonedRow {
  readonly table: string
  readonly row: Row
  /** The row may be in the table after all: it was on its way when time ran out. */
  readonly ambiguous: boolean
}

/** The ledger of a flow: counts what became of rows, and tells those who wait for them. */
export class Outcomes {
  readonly #settings: Pick<FlowSettings, 'clock' | 'log'>
  #committed = 0
  #failed = 0
  #abandoned = 0
  readonly #abandonedRows: AbandonedRow[] = []
  readonly #deadLetters: DeadLetters

  constructor(settings: Pick<FlowSettings, 'clock' | 'log'>, deadLetters: DeadLetters) {
    this.#settings = settings
    this.#deadLetters = deadLetters
  }

  get summary(): CloseSummary {
    return {
      committed: this.#committed,
      failed: this.#failed,
      abandoned: this.#abandoned,
      abandonedRows: this.#abandonedRows,
      undelivered: this.#deadLetters.undelivered,
    }
  }

  settle(run: BatchRun): void {
    const { batch, failures } = run
    const uncommitted = this.#count(run)
    this.#report(run, uncommitted)
    const receipt: Receipt = Object.freeze({
      table: batch.table.name,
      rows: batch.rows.length,
      attempts: run.attempts,
      ...run.ids,
    })
    batch.settle(receipt, (index) => {
      const error = failures.get(index)
      return error?.cause instanceof AbandonedError ? error.cause : error
    })
  }

  /** The rows failed before anybody tried to write them. */
  drop(dropped: FailedRows): void {
    const { batch, failures, reason } = dropped
    const rows = this.#count(dropped)
    batch.metrics?.countRecords('fail', rows)
    batch.metrics?.countError('final', reason ?? 'unknown')
    batch.fail((index) => failures.get(index)!)
  }

  /** Returns how many accepted rows are not committed. */
  #count({ batch, failures }: Pick<BatchRun, 'batch' | 'failures'>): number {
    let uncommitted = 0
    for (const [index, { cause, ambiguous }] of failures) {
      const rows = batch.weightOf(index)
      uncommitted += rows
      if (cause instanceof AbandonedError) {
        this.#abandoned += rows
        this.#abandonedRows.push({ table: batch.table.name, row: batch.rows[index]!, ambiguous })
      } else this.#failed += rows
    }
    this.#committed += batch.accepted - uncommitted
    return uncommitted
  }

  #report(run: BatchRun, uncommitted: number): void {
    const { clock, log } = this.#settings
    const { metrics, accepted, leftAt } = run.batch
    if (metrics !== undefined) {
      const status = uncommitted > 0 ? 'fail' : 'success'
      metrics.countBatch(status)
      if (uncommitted < accepted) metrics.countRecords('success', accepted - uncommitted)
      if (uncommitted > 0) metrics.countRecords('fail', uncommitted)
      metrics.observeProcessDuration((clock.now() - leftAt) / 1000, status)
    }
    log?.settled(run, uncommitted, clock.now() - leftAt)
  }
}
