import type { ProcessTrace } from '../contract/tracing.ts'

/** Messages that a source handed over together, and the span of their processing. */
export class Chunk {
  readonly #trace: ProcessTrace
  #left: number
  #deadLettered = 0
  #givenBack = 0

  constructor(trace: ProcessTrace, messages: number) {
    this.#trace = trace
    this.#left = messages
  }

  settled(isDeadLetter: boolean): void {
    if (isDeadLetter) this.#deadLettered++
    this.#end()
  }

  /** A message is not settled, and will not be. */
  giveBack(): void {
    this.#givenBack++
    this.#end()
  }

  #end(): void {
    if (--this.#left > 0) return
    this.#trace.end({ deadLettered: this.#deadLettered, givenBack: this.#givenBack })
  }
}
