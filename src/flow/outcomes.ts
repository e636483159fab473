import { isDeletion } from '../contract/deletion.ts'
import { AbandonedError } from '../contract/errors.ts'
import type { TableMetrics } from '../contract/metrics-reporter.ts'
import type { Row } from '../contract/table.ts'
import type { BatchRun } from '../executor/batch-run.ts'
import type { Lane } from '../lanes/lane.ts'
import type { Lanes } from '../lanes/lanes.ts'
import type { Tally } from '../lanes/tally.ts'
import type { Receipt } from '../lanes/waiter.ts'
import type { DeadLetter, DeadLetters, FailedRows } from './dead-letters.ts'
import type { FlowSettings } from './options.ts'

/** What became of the rows of a flow. */
export interface CloseSummary {
  readonly committed: number
  /** Rows that failed for good, dead letters included, and among them rows given up that `deadLetter` took. */
  readonly failed: number
  /** Rows accepted but not settled when time ran out, unless `deadLetter` took them; with a worker those too that it gave back to its log. */
  readonly abandoned: number
  /** The abandoned rows, but for those that a worker gave back to its log; rows merged into one (same conflict key) appear as that one. */
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
  /** The time of commits is noted: somebody asks for it. */
  timed = false
  readonly #settings: Pick<FlowSettings, 'clock' | 'log'>
  readonly #lanes: Lanes
  readonly #abandonedRows: AbandonedRow[] = []
  readonly #deadLetters: DeadLetters

  constructor(settings: Pick<FlowSettings, 'clock' | 'log'>, lanes: Lanes, deadLetters: DeadLetters) {
    this.#settings = settings
    this.#lanes = lanes
    this.#deadLetters = deadLetters
  }

  get summary(): CloseSummary {
    const { committed, failed, abandoned } = this.#lanes.total()
    const { undelivered } = this.#deadLetters
    return { committed, failed, abandoned, abandonedRows: this.#abandonedRows, undelivered }
  }

  /** @param taken the `deadLetter` handler has the rows that failed */
  settle({ tally, metrics }: Lane, run: BatchRun, taken: boolean): void {
    const { batch, failures } = run
    const failed = this.#count(tally, run, taken)
    const superseded = supersededBy(run)
    tally.superseded += superseded
    if (superseded > 0) metrics?.countSuperseded?.(superseded)
    const deleted = deletedBy(run)
    tally.deleted += deleted
    if (deleted > 0) metrics?.countDeleted?.(deleted)
    this.#report(metrics, run, failed)
    const receipt: Receipt = Object.freeze({
      table: batch.table.name,
      rows: batch.rows.length,
      attempts: run.attempts,
      ...run.ids,
    })
    const errorOf = (index: number) => {
      const error = failures.get(index)
      return error?.cause instanceof AbandonedError && !taken ? error.cause : error
    }
    batch.settle(receipt, failures.size > 0 ? errorOf : undefined)
  }

  /** The rows failed before anybody tried to write them. */
  drop({ tally, metrics }: Lane, dropped: FailedRows, taken: boolean): void {
    const { batch, failures, reason } = dropped
    const rows = this.#count(tally, dropped, taken)
    if (rows > 0) {
      metrics?.countRecords('fail', rows)
      metrics?.countError('final', reason ?? 'unknown')
    }
    batch.fail((index) => failures.get(index)!)
  }

  /** Returns how many accepted rows failed for good. */
  #count(tally: Tally, { batch, failures }: Pick<BatchRun, 'batch' | 'failures'>, taken: boolean): number {
    let lost = 0
    for (const [index, { cause, ambiguous }] of failures) {
      const rows = batch.weightOf(index) - batch.keptOf(index)
      if (rows === 0) continue
      lost += rows
      if (cause instanceof AbandonedError && !taken) {
        tally.abandoned += rows
        this.#abandonedRows.push({ table: batch.table.name, row: batch.rows[index]!, ambiguous })
        continue
      }
      tally.failed += rows
      if (taken) tally.deadLettered += rows
    }
    const settled = batch.accepted - batch.kept
    const committed = settled - lost
    tally.inFlight -= settled
    tally.retried += batch.retried
    tally.committed += committed
    if (this.timed && committed > 0) tally.lastCommitAt = Date.now()
    return lost
  }

  /** @param watching hears of the rows even if it came after the batch had left: it has seen them unsettled */
  #report(watching: TableMetrics | undefined, run: BatchRun, failed: number): void {
    const { clock, log } = this.#settings
    const { metrics, accepted, kept, leftAt } = run.batch
    const uncommitted = failed + kept
    const status = uncommitted > 0 ? 'fail' : 'success'
    watching?.countBatch(status)
    if (uncommitted < accepted) watching?.countRecords('success', accepted - uncommitted)
    if (failed > 0) watching?.countRecords('fail', failed)
    metrics?.observeProcessDuration((clock.now() - leftAt) / 1000, status)
    log?.settled(run, uncommitted, clock.now() - leftAt)
  }
}

/** How many of the committed rows changed nothing: the database said so, or they met a newer one before they were written. */
function supersededBy({ batch, superseded, failures }: BatchRun): number {
  if (batch.companion !== undefined && failures.size > 0) return 0 // all of them come again, those of parts that were committed too
  let rows = superseded
  for (const [index, merged] of batch.superseded ?? []) if (!failures.has(index)) rows += merged
  return rows
}

/** How many of its deletions were carried out. */
function deletedBy({ batch, failures }: BatchRun): number {
  if (batch.table.deletes === undefined || (batch.companion !== undefined && failures.size > 0)) return 0
  let rows = 0
  for (const [index, row] of batch.rows.entries()) if (isDeletion(row) && !failures.has(index)) rows++
  return rows
}
