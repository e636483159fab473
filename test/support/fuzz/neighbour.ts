import * as assert from 'uvu/assert'
import { defineTable, type Table } from '../../../src/contract/table.ts'
import type { Executor } from '../../../src/executor/executor.ts'
import { BatchFlow } from '../../../src/flow/batch-flow.ts'
import type { ManualClock } from '../engine/clock.ts'

/** Versions of its rows are beyond those of the flow beside it. */
const FIRST = 1e6

/** Another flow over the same executor, made when its first row comes, perhaps in the middle of an outage. */
export class Neighbour {
  readonly #executor: Executor
  readonly #clock: ManualClock
  #flow: BatchFlow | undefined
  /** One for each flow: only within a flow rows of a key keep their order. */
  #table = tableOf(0)
  #submitted = 0
  #accepted = 0
  /** What `close()` said, where that does not add up. */
  #wrong: readonly number[] | undefined
  #ended = 0
  #made = 0

  constructor(executor: Executor, clock: ManualClock) {
    this.#executor = executor
    this.#clock = clock
  }

  get isClosed(): boolean {
    return this.#ended === this.#made
  }

  submit(id: number): void {
    if (this.#flow === undefined) {
      this.#table = tableOf(++this.#made)
      this.#accepted = 0
      this.#flow = new BatchFlow(this.#executor, { clock: this.#clock, flushSize: 2, bufferSize: 4, flushInterval: 10 })
    }
    if (this.#flow.trySubmit(this.#table, { id, version: FIRST + this.#submitted++ })) this.#accepted++
  }

  close(timeout: number): void {
    const flow = this.#flow
    if (flow === undefined) return
    const accepted = this.#accepted
    this.#flow = undefined
    void flow.close({ timeout }).then(({ committed, failed, abandoned }) => {
      this.#ended++
      if (committed + failed + abandoned !== accepted) this.#wrong ??= [committed, failed, abandoned, accepted]
    })
  }

  /** @throws when its rows do not add up */
  check(): void {
    assert.is(this.#wrong, undefined, 'all rows of the neighbour are accounted for')
    if (this.#flow === undefined) return
    const { accepted, committed, failed, abandoned, unsettled } = this.#flow.stats()
    assert.is(accepted, this.#accepted)
    assert.is(accepted, committed + failed + abandoned + unsettled)
  }
}

function tableOf(nth: number): Table<{ id: number; version: number }> {
  return defineTable(`neighbour ${nth}`, { columns: ['id', 'version'], onConflict: { action: 'update', keys: ['id'] } })
}
