import type { FlushTrigger } from '../../../src/contract/metrics-reporter.ts'
import type { AdaptiveSettings } from '../../../src/flow/adaptive/options.ts'
import type { Setting } from '../../../src/flow/adaptive/steps.ts'
import { type Flight, Tuner } from '../../../src/flow/adaptive/tuner.ts'
import type { SimulatedDatabase } from './simulated-database.ts'

/** A batch under way. */
interface Trip {
  readonly end: number
  readonly flight: Flight
  readonly batch: { readonly accepted: number; readonly flushSize: number; readonly trigger: FlushTrigger }
}

/** How batches come, where they are not full and one behind the other. */
export interface Supply {
  readonly trigger?: FlushTrigger
  readonly isClean?: boolean
  /** Batches at once, where there are not more. */
  readonly atOnce?: number
}

/** A tuner, and a flow so simple that it needs no promises: whatever the tuner asks for is what is sent next. */
export class Rehearsal {
  readonly tuner: Tuner
  readonly database: SimulatedDatabase
  /** Every setting that was decided for, in order. */
  readonly decided: Setting[] = []
  /** Every one that was in force, for a trial, too. */
  readonly applied: Setting[] = []
  /** Rows wait for room. */
  full = false
  rows = 0
  batches = 0
  #now = 0
  #trips: Trip[] = []

  constructor(database: SimulatedDatabase, bounds: AdaptiveSettings, start: Setting) {
    this.database = database
    const clock = { now: () => this.#now, timer: () => ({ start: () => undefined, stop: () => undefined }) }
    const isFull = () => this.full
    this.tuner = new Tuner(start, bounds, clock, {
      get full() {
        return isFull()
      },
      apply: (setting) => void this.applied.push(setting),
    })
  }

  /** Lets so many batches pass; returns rows per ms. */
  pass(batches: number, supply: Supply = {}): number {
    const [since, before] = [this.#now, this.rows]
    for (const last = this.batches + batches; this.batches < last; ) {
      const { concurrency } = this.tuner.setting
      while (this.#trips.length < Math.min(concurrency, supply.atOnce ?? concurrency)) this.#send(supply)
      this.#arrive(supply)
    }
    return (this.rows - before) / (this.#now - since)
  }

  #send({ trigger = 'size' }: Supply): void {
    const { flushSize } = this.tuner.setting
    const trip = { end: this.database.take(flushSize, this.#now), flight: this.tuner.begin() }
    this.#trips.push({ ...trip, batch: { accepted: flushSize, flushSize, trigger } })
  }

  #arrive({ isClean = true }: Supply): void {
    this.#trips.sort((a, b) => a.end - b.end)
    const { end, flight, batch } = this.#trips.shift()!
    this.#now = Math.max(this.#now, end)
    this.tuner.end(flight, batch, isClean)
    this.rows += batch.accepted
    this.batches++
    const { flushSize, concurrency } = this.tuner
    const last = this.decided.at(-1)
    if (last?.flushSize !== flushSize || last.concurrency !== concurrency) this.decided.push({ flushSize, concurrency })
  }
}
