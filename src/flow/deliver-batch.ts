import type { SpanContext } from '@opentelemetry/api'
import type { Companion } from '../contract/companion.ts'
import { RowFailedError } from '../contract/errors.ts'
import type { Row, Table } from '../contract/table.ts'
import type { Batch } from '../lanes/batch.ts'
import type { Receipt, Waiter } from '../lanes/waiter.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { type BatchFlow, insideOf } from './batch-flow.ts'
import { refuseDeletion, unreadable } from './refusal.ts'

export interface ReadyBatch {
  /** Is committed together with the rows, or neither; then the batch is not split for the sake of bad rows. */
  readonly companion?: Companion | undefined
  readonly receiver: BatchReceiver
  /** How many of the rows, the first ones, its receiver kept when they came before. @default 0 */
  readonly again?: number
  /** The spans its rows come from. */
  readonly origins?: Iterable<SpanContext | undefined> | undefined
}

/** Hears once what became of a whole batch. */
export interface BatchReceiver {
  committed(receipt: Receipt): void
  /** Any of its rows is not committed. @param culprit place of the one at fault, where the database named it */
  failed(error: BatchFlowError, culprit: number | undefined): void
  /** Asked before it is told that rows failed: whether it keeps all rows, see {@link Waiter.keeps}. */
  keeps?(error: BatchFlowError): boolean
}

/**
 * Hands over rows that become one batch of `flow`, as they are: no other rows come into it, and those of one key are merged.
 * Where two cannot be (see `newer`) it ends before the second one. They count for what the flow holds, but do not wait for
 * room. Several batches of a table may be in flight at once, so rows of one key must not be in two of them.
 *
 * @param readyWith what goes with the batch, given how many of `rows` it takes: one at least, the first ones
 * @throws {ClosedError} after `close()`
 * @throws {InvalidRowError} when a row cannot be read, or is a deletion that the table does not take; then none is accepted
 */
export function deliverBatch(
  flow: BatchFlow,
  table: Table,
  rows: readonly Row[],
  readyWith: (rows: number) => ReadyBatch,
): void {
  const { intake, lanes } = insideOf(flow)
  const lane = lanes.ready(table)
  for (const row of rows) refuseDeletion(lane, row)
  const waiter = new WholeBatch(rows)
  let batch: Batch
  try {
    batch = lane.load(rows, waiter)
  } catch (cause) {
    throw unreadable(lane, cause)
  }
  intake.admit(lane, batch.accepted, batch.bytes)
  const { companion, receiver, again = 0, origins = [] } = readyWith(batch.accepted)
  batch.companion = companion
  waiter.expect(batch, receiver)
  lane.link(batch, origins)
  lane.put(batch, again)
}

/** Rows that a receiver of {@link deliverBatch} kept come no more. @param isWritten somebody else has written them */
export function letGo(flow: BatchFlow, table: Table, rows: number, isWritten: boolean): void {
  insideOf(flow).lanes.ready(table).letGo(rows, isWritten)
}

/** Makes one outcome of those of all rows. */
class WholeBatch implements Waiter {
  readonly #rows: readonly Row[]
  #batch!: Batch
  #receiver!: BatchReceiver
  #left = 0
  #error: BatchFlowError | undefined
  #keeps: boolean | undefined

  constructor(rows: readonly Row[]) {
    this.#rows = rows
  }

  expect(batch: Batch, receiver: BatchReceiver): void {
    this.#batch = batch
    this.#left = batch.rows.length
    this.#receiver = receiver
  }

  keeps(error: BatchFlowError): boolean {
    this.#keeps ??= this.#receiver.keeps?.(error) ?? false
    return this.#keeps
  }

  committed(receipt: Receipt): void {
    if (--this.#left > 0) return
    if (this.#error === undefined) this.#receiver.committed(receipt)
    else this.#receiver.failed(this.#error, this.#culprit)
  }

  failed(error: BatchFlowError): void {
    if (this.#error === undefined || weight(error) > weight(this.#error)) this.#error = error
    if (--this.#left === 0) this.#receiver.failed(this.#error, this.#culprit)
  }

  /** A row that others were merged into is none of those that came. */
  get #culprit(): number | undefined {
    const { culprit, rows } = this.#batch
    const index = culprit === undefined ? -1 : this.#rows.indexOf(rows[culprit]!)
    return index < 0 ? undefined : index
  }
}

/** What tells most of a batch: that somebody else owns its position, then that the place takes no rows. */
function weight(error: BatchFlowError): number {
  if (!(error instanceof RowFailedError)) return 2
  if (error.reason === 'fenced') return 3
  return error.fault === 'place' ? 1 : 0
}
