import type { SpanContext } from '@opentelemetry/api'
import type { Row } from '../contract/table.ts'
import type { Lane } from '../lanes/lane.ts'
import type { Waiter } from '../lanes/waiter.ts'
import { onAbort } from '../support/abort.ts'
import { Queue } from '../support/queue.ts'
import type { Load } from './overflow.ts'

/** A row that waits for room. */
export interface Arrival {
  readonly lane: Lane
  readonly row: Row
  readonly waiter: Waiter | undefined
  readonly calledAt: number
  /** Taken when it came: the row is accepted by whoever makes room, elsewhere. */
  readonly origin: SpanContext | undefined
  /** About how many bytes of memory it takes. */
  readonly bytes: number
}

/** A row whose submitter waits for room. */
interface Submission extends Arrival {
  /** How many came before it. */
  readonly number: number
  readonly accepted: () => void
  readonly refused: (error: unknown) => void
  /** Stops listening to the submitter's signal. */
  readonly unlisten: () => void
  gone: boolean
}

/** Those who wait for room, first come, first served. */
export class WaitingLine {
  readonly #waiting = new Queue<Submission>()
  /** How many of `#waiting` are gone. */
  #gone = 0
  /** How many ever came. */
  joined = 0

  /** Nobody waits. */
  get empty(): boolean {
    return this.#waiting.size === this.#gone
  }

  /** The next one, who still waits. */
  get first(): Submission | undefined {
    while (this.#waiting.first?.gone) {
      this.#waiting.shift()
      this.#gone--
    }
    return this.#waiting.first
  }

  /**
   * What those wait for who would not wait for room alone, and all who came before them.
   *
   * @param last bytes of a row that would join the line
   */
  wanted(last?: number): Load {
    let wanted: Load = { rows: 0, bytes: 0 }
    let rows = 0
    let bytes = 0
    for (const submission of this.#waiting) {
      if (submission.gone) continue
      rows++
      bytes += submission.bytes
      if (!submission.waiter?.patient) wanted = { rows, bytes }
    }
    return last === undefined ? wanted : { rows: rows + 1, bytes: bytes + last }
  }

  /** Resolves or rejects as whoever takes the row out of the line says; `left` makes the error when `signal` is aborted first. */
  join(row: Arrival, signal: AbortSignal | undefined, left: () => Error): Promise<void> {
    return new Promise((accepted, refused) => {
      const leave = () => {
        this.#forget(submission)
        refused(left())
      }
      const unlisten = signal === undefined ? () => {} : onAbort(signal, leave)
      const submission = { ...row, number: this.joined++, accepted, refused, unlisten, gone: false }
      this.#waiting.push(submission)
    })
  }

  /** The next one who still waits, and from now on no more. */
  next(): Submission | undefined {
    const submission = this.first
    this.#waiting.shift()
    submission?.unlisten()
    return submission
  }

  /** Those who gave up must not gather, with their rows, in front of a database that stalls. */
  #forget(submission: Submission): void {
    submission.gone = true
    if (++this.#gone * 2 < this.#waiting.size) return
    this.#waiting.retain(({ gone }) => !gone)
    this.#gone = 0
  }
}
