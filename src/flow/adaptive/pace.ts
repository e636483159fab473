/** How fast rows were committed under one setting: what its batches took, added up. */
export class Pace {
  batches = 0
  #rows = 0
  #time = 0
  /** Of what a row took in each batch, and of its square. */
  #sum = 0
  #squares = 0

  /** A batch of `rows`. @param time ms that it took, divided by how many batches were under way meanwhile */
  count(rows: number, time: number): void {
    const each = time / rows
    this.batches++
    this.#rows += rows
    this.#time += time
    this.#sum += each
    this.#squares += each * each
  }

  add(other: Pace): void {
    this.batches += other.batches
    this.#rows += other.#rows
    this.#time += other.#time
    this.#sum += other.#sum
    this.#squares += other.#squares
  }

  /** Rows per ms. */
  get rate(): number {
    return this.#rows / this.#time
  }

  /** The standard error of {@link rate}, as a part of it. */
  get error(): number {
    const mean = this.#sum / this.batches
    const variance = Math.max(0, this.#squares / this.batches - mean * mean)
    return Math.sqrt(variance / this.batches) / mean
  }

  /** How much faster this one is than `other`: the logarithm of the quotient, and its standard error. */
  against(other: Pace): { readonly gain: number; readonly error: number } {
    return { gain: Math.log(this.rate / other.rate), error: Math.hypot(this.error, other.error) }
  }
}
