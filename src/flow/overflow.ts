import { RowFailedError } from '../contract/errors.ts'
import type { Batch } from '../lanes/batch.ts'
import type { Lane } from '../lanes/lane.ts'
import type { Lanes } from '../lanes/lanes.ts'
import type { Limit } from '../support/limit.ts'
import type { DeadLetters, FailedRows } from './dead-letters.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Outcomes } from './outcomes.ts'

/** Rows, and the bytes they take. */
export interface Load {
  readonly rows: number
  readonly bytes: number
}

/** The parts of a flow that have to do with rows that are dropped. */
export interface OverflowHost {
  readonly lanes: Lanes
  readonly dispatcher: Dispatcher
  readonly deadLetters: DeadLetters
  readonly outcomes: Outcomes
  /** Makes room. */
  settled(lane: Lane, batch: Batch): void
}

/** Drops the oldest rows that wait, to make room for newer ones; those in flight stay where they are. */
export class Overflow {
  readonly #limit: Limit
  readonly #host: OverflowHost
  /** Batches of dropped rows that the dead-letter handler has not taken yet: they keep their place until then. */
  #handing = 0
  /** Rows are being dropped, or those told who wait for them: what they submit within that drops no others. */
  #dropping = false

  constructor(limit: Limit, host: OverflowHost) {
    this.#limit = limit
    this.#host = host
  }

  /**
   * Drops rows until those that wait for room find some, or nothing is left to be dropped. Where a handler takes its time
   * with them, no more are dropped meanwhile: whoever wants room waits for the handler.
   *
   * @param held what the buffer holds. @param first the row that is to come in first. @param wanted all that are
   */
  makeRoom(held: Load, first: number, wanted: () => Load): void {
    if (this.#dropping || this.#handing > 0 || this.#host.lanes.oldest() === undefined || !this.#helps(first)) return
    this.#dropping = true
    try {
      const batches = this.#drop(held, wanted())
      for (const [lane, batch] of batches) this.#handOver(lane, batch)
    } finally {
      this.#dropping = false
    }
  }

  /** A row that does not even fit beside what is in flight gets no room by it. */
  #helps(bytes: number): boolean {
    let rows = 0
    let held = 0
    for (const batch of this.#host.dispatcher.unsettled) {
      rows += batch.accepted
      held += batch.bytes
    }
    return this.#limit.admits(rows, held, bytes)
  }

  #drop(held: Load, wanted: Load): ReadonlyMap<Lane, Batch> {
    const batches = new Map<Lane, Batch>()
    let { rows, bytes } = held
    while (rows > 0 && (rows + wanted.rows > this.#limit.rows || bytes + wanted.bytes > this.#limit.bytes)) {
      const lane = this.#host.lanes.oldest()
      if (lane === undefined) break
      const dropped = batches.get(lane)
      const before = { rows: dropped?.accepted ?? 0, bytes: dropped?.bytes ?? 0 }
      const batch = lane.drop(dropped)
      rows -= batch.accepted - before.rows
      bytes -= batch.bytes - before.bytes
      if (batch.accepted > 0) batches.set(lane, batch)
    }
    return batches
  }

  #handOver(lane: Lane, batch: Batch): void {
    const { dispatcher, deadLetters, outcomes, settled } = this.#host
    const dropped = refused(batch)
    this.#handing++
    dispatcher.unsettled.add(batch)
    const done = (taken: boolean) => {
      this.#handing--
      dispatcher.unsettled.delete(batch)
      outcomes.drop(lane, dropped, taken)
      settled(lane, batch)
    }
    dispatcher.inOwnContext(() => {
      const handed = deadLetters.take(dropped)
      if (typeof handed === 'boolean') done(handed)
      else void handed.then(done)
    })
  }
}

function refused(batch: Batch): FailedRows {
  const error = new RowFailedError(batch.table.name, {
    reason: 'overflow',
    attempts: 0,
    cause: undefined,
    fault: 'place',
    ambiguous: false,
    detail: 'it made room for newer ones',
  })
  const failures = new Map(batch.rows.map((_, index) => [index, error]))
  return { batch, failures, reason: 'overflow', code: undefined, detail: undefined }
}
