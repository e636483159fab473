/** What a database is like. Times in ms. */
export interface Nature {
  /** There and back, whatever a batch holds; any number of batches at once. */
  roundTrip: number
  /** What it works for each batch, and for each row. */
  perBatch: number
  perRow: number
  /** Batches it works on at once; the others wait for their turn. */
  workers: number
}

/** A database as a model of one, in virtual time: how long each batch takes there. */
export class SimulatedDatabase implements Nature {
  roundTrip: number
  perBatch: number
  perRow: number
  workers: number
  /** By how large a part the work for a batch may be more or less than usual. */
  readonly #noise: number
  readonly #random: () => number
  /** When each worker has done all that is given to it. */
  readonly #freeAt: number[] = []

  constructor({ roundTrip, perBatch, perRow, workers }: Nature, noise = 0, seed = 1) {
    this.roundTrip = roundTrip
    this.perBatch = perBatch
    this.perRow = perRow
    this.workers = workers
    this.#noise = noise
    this.#random = random(seed)
  }

  /** When a batch of `rows` that is sent at `now` is committed, as far as the client can tell. */
  take(rows: number, now: number): number {
    const arrival = now + this.roundTrip / 2
    const worker = this.#nextFree()
    const work = (this.perBatch + this.perRow * rows) * (1 + this.#noise * (2 * this.#random() - 1))
    const done = Math.max(arrival, this.#freeAt[worker] ?? 0) + work
    this.#freeAt[worker] = done
    return done + this.roundTrip / 2
  }

  #nextFree(): number {
    let next = 0
    for (let worker = 1; worker < this.workers; worker++) {
      if ((this.#freeAt[worker] ?? 0) < (this.#freeAt[next] ?? 0)) next = worker
    }
    return next
  }
}

/** The same numbers between 0 and 1 each time (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
