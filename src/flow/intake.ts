import type { SpanContext } from '@opentelemetry/api'
import { AbortedError, ClosedError, InvalidRowError } from '../contract/errors.ts'
import type { Row } from '../contract/table.ts'
import type { FlowTracing } from '../contract/tracing.ts'
import type { Waiter } from '../lanes/batch.ts'
import type { Lane } from '../lanes/lane.ts'
import { onAbort } from '../support/abort.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { Queue } from '../support/queue.ts'

/** What {@link Intake.submit} returns for a row that is accepted at once: one promise for all of them. */
export const ACCEPTED = Promise.resolve()

/** A row whose submitter waits for room. */
interface Submission {
  readonly lane: Lane
  readonly row: Row
  readonly waiter: Waiter | undefined
  readonly calledAt: number
  /** Taken when it came: the row is accepted by whoever makes room, elsewhere. */
  readonly origin: SpanContext | undefined
  readonly accepted: () => void
  readonly refused: (error: unknown) => void
  /** Stops listening to the submitter's signal. */
  readonly unlisten: () => void
  gone: boolean
}

/**
 * The door of a flow: whether a row is accepted, has to wait, or is refused. Counts how many rows may still be accepted;
 * those who wait are served first come, first served.
 */
export class Intake {
  #open = true
  /** Rows that may be accepted now. Never positive while somebody waits. */
  #room: number
  readonly #size: number
  readonly #onFull: () => void
  readonly #waiting = new Queue<Submission>()
  /** How many of `#waiting` are gone. */
  #gone = 0

  /** @param size rows accepted and not yet settled, at most. @param onFull called when a row has taken the last room */
  constructor(size: number, onFull: () => void) {
    this.#room = size
    this.#size = size
    this.#onFull = onFull
  }

  /** Rows may be submitted. */
  get open(): boolean {
    return this.#open
  }

  get full(): boolean {
    return this.#room <= 0
  }

  /** Rows that may be accepted now. */
  get room(): number {
    return Math.max(0, this.#room)
  }

  /** Nobody waits for room. */
  get calm(): boolean {
    return this.#waiting.size === this.#gone
  }

  /** Rows accepted and not yet settled. */
  get outstanding(): number {
    return this.#size - this.#room
  }

  /**
   * Resolves when the row is accepted: {@link ACCEPTED} where that is at once.
   *
   * @param call where the row comes from, when it is one of many in one call
   * @throws {BatchFlowError} when the row is refused now; a promise that is returned rejects when it is refused later
   */
  submit(lane: Lane, row: Row, waiter?: Waiter, signal?: AbortSignal, call?: Call): Promise<void> {
    if (!this.#takes(row) || signal?.aborted) throw this.#refusal(lane, row, signal)
    const calledAt = lane.draw()
    const origin = call === undefined ? lane.origin() : call.originOf(lane)
    if (this.#room <= 0) return this.#wait({ lane, row, waiter, calledAt, origin }, signal)
    this.#accept(lane, row, waiter, calledAt, origin)
    return ACCEPTED
  }

  /** `false` where {@link submit} would wait. */
  trySubmit(lane: Lane, row: Row): boolean {
    if (!this.#takes(row)) throw this.#refusal(lane, row)
    if (this.#room > 0) {
      this.#accept(lane, row, undefined, lane.draw(), lane.origin())
      return true
    }
    lane.reject('full')
    return false
  }

  /** Gives the room of settled rows to those who wait. */
  release(rows: number): void {
    this.#room += rows
    while (this.#room > 0) {
      const submission = this.#next()
      if (submission === undefined) return
      const { lane, row, waiter, calledAt, origin, accepted, refused } = submission
      try {
        this.#accept(lane, row, waiter, calledAt, origin)
        accepted()
      } catch (error) {
        refused(error)
      }
    }
    this.#onFull()
  }

  /** No row may be submitted any more; those who wait still may be accepted. */
  close(): void {
    this.#open = false
  }

  /** Nobody who waits is accepted any more. */
  refuseAll(error: BatchFlowError): void {
    for (let submission = this.#next(); submission !== undefined; submission = this.#next()) {
      submission.lane.reject(error instanceof AbortedError ? 'context' : 'closed')
      submission.refused(error)
    }
  }

  #takes(row: unknown): boolean {
    return isRow(row) && this.#open
  }

  /** @throws {InvalidRowError} when the row cannot be read, as a getter or its key throws; then it takes no room */
  #accept(lane: Lane, row: Row, waiter: Waiter | undefined, calledAt: number, origin: SpanContext | undefined): void {
    try {
      lane.accept(row, waiter, calledAt, origin)
    } catch (cause) {
      lane.reject('invalid')
      throw new InvalidRowError(`a row of table ${JSON.stringify(lane.table.name)} cannot be read`, { cause })
    }
    if (--this.#room <= 0) this.#onFull()
  }

  #wait(row: Omit<Submission, 'accepted' | 'refused' | 'unlisten' | 'gone'>, signal?: AbortSignal): Promise<void> {
    return new Promise((accepted, refused) => {
      const leave = () => {
        this.#forget(submission)
        row.lane.reject('context')
        const message = 'submit was aborted while it waited for room; the row was not accepted'
        refused(new AbortedError(message, signal?.reason))
      }
      const unlisten = signal === undefined ? () => {} : onAbort(signal, leave)
      const submission = { ...row, accepted, refused, unlisten, gone: false }
      this.#waiting.push(submission)
    })
  }

  /** The next one who still waits, and from now on no more. */
  #next(): Submission | undefined {
    let submission = this.#waiting.shift()
    for (; submission?.gone; submission = this.#waiting.shift()) this.#gone--
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

  /** Why a row is not accepted, counted. */
  #refusal(lane: Lane, row: unknown, signal?: AbortSignal): BatchFlowError {
    if (!isRow(row)) {
      lane.reject('invalid')
      const received = row === null ? 'null' : Array.isArray(row) ? 'an array' : typeof row
      return new InvalidRowError(
        `a row of table ${JSON.stringify(lane.table.name)} must be an object, received ${received}`,
      )
    }
    if (this.#open && signal?.aborted) {
      lane.reject('context')
      return new AbortedError('submit was aborted; the row was not accepted', signal.reason)
    }
    lane.reject('closed')
    return new ClosedError()
  }
}

function isRow(row: unknown): boolean {
  return typeof row === 'object' && row !== null && !Array.isArray(row)
}

/** Rows of one call come from one place, which is asked for once, and again when somebody else has begun to trace. */
export class Call {
  #tracing: FlowTracing | undefined
  #origin: SpanContext | undefined

  originOf(lane: Lane): SpanContext | undefined {
    if (lane.tracing !== this.#tracing) {
      this.#tracing = lane.tracing
      this.#origin = lane.origin()
    }
    return this.#origin
  }
}
