import type { SpanContext } from '@opentelemetry/api'
import type { Companion } from '../contract/companion.ts'
import { InvalidRowError, RowFailedError } from '../contract/errors.ts'
import type { Row, Table } from '../contract/table.ts'
import type { Receipt, Receiver, Waiter } from '../lanes/batch.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { type BatchFlow, insideOf } from './batch-flow.ts'

export interface ReadyBatch {
  /** Is committed together with the rows, or neither; then the batch is not split for the sake of bad rows. */
  readonly companion?: Companion | undefined
  /** Hears once what became of the whole batch: `failed` where any of its rows is not committed. */
  readonly receiver: Receiver
  /** The spans its rows come from. */
  readonly origins?: Iterable<SpanContext | undefined> | undefined
}

/**
 * Hands over rows that become one batch of `flow`, as they are: no other rows come into it, and those of one key are merged.
 * Where two cannot be (see `newer`) it ends before the second one. They count for what the flow holds, but do not wait for
 * room. Several batches of a table may be in flight at once, so rows of one key must not be in two of them.
 *
 * @param readyWith what goes with the batch, given how many of `rows` it takes: one at least, the first ones
 * @throws {ClosedError} after `close()`
 * @throws {InvalidRowError} when a row cannot be read; then none is accepted
 */
export function deliverBatch(
  flow: BatchFlow,
  table: Table,
  rows: readonly Row[],
  readyWith: (rows: number) => ReadyBatch,
): void {
  const { intake, lanes } = insideOf(flow)
  const lane = lanes.ready(table)
  const waiter = new WholeBatch()
  let batch: ReturnType<typeof lane.load>
  try {
    batch = lane.load(rows, waiter)
  } catch (cause) {
    lane.reject('invalid')
    throw new InvalidRowError(`a row of table ${JSON.stringify(table.name)} cannot be read`, { cause })
  }
  const { companion, receiver, origins = [] } = readyWith(batch.accepted)
  batch.companion = companion
  waiter.expect(batch.rows.length, receiver)
  lane.link(batch, origins)
  intake.admit(lane, batch.accepted, batch.bytes)
  lane.put(batch)
}

/** Makes one outcome of those of all rows. */
class WholeBatch implements Waiter {
  #receiver!: Receiver
  #left = 0
  #error: BatchFlowError | undefined

  expect(rows: number, receiver: Receiver): void {
    this.#left = rows
    this.#receiver = receiver
  }

  committed(receipt: Receipt): void {
    if (--this.#left > 0) return
    if (this.#error === undefined) this.#receiver.committed(receipt)
    else this.#receiver.failed(this.#error)
  }

  failed(error: BatchFlowError): void {
    if (this.#error === undefined || weight(error) > weight(this.#error)) this.#error = error
    if (--this.#left === 0) this.#receiver.failed(this.#error)
  }
}

/** What tells most of a batch: that somebody else owns its position, then that the place takes no rows. */
function weight(error: BatchFlowError): number {
  if (!(error instanceof RowFailedError)) return 2
  if (error.reason === 'fenced') return 3
  return error.fault === 'place' ? 1 : 0
}
