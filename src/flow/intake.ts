import type { SpanContext } from '@opentelemetry/api'
import { AbortedError, type BatchFlowError, InvalidRowError } from '../contract/errors.ts'
import type { Row } from '../contract/table.ts'
import type { Waiter } from '../lanes/batch.ts'
import type { Lane } from '../lanes/lane.ts'
import { onAbort } from '../support/abort.ts'
import { Queue } from '../support/queue.ts'

/** Somebody who waits for room. */
interface Applicant {
  readonly lane: Lane
  readonly row: Row
  readonly waiter: Waiter | undefined
  readonly calledAt: number
  /** Taken when it came: it is let in by whoever makes room, elsewhere. */
  readonly origin: SpanContext | undefined
  readonly admitted: () => void
  readonly refused: (error: unknown) => void
  /** Stops listening to the caller's signal. */
  readonly unlisten: () => void
  gone: boolean
}

/** The row budget: how many rows may still be accepted, and who waits to be, first come first served. */
export class Intake {
  /** Rows that may be accepted now. Never positive while somebody waits. */
  room: number
  readonly #size: number
  readonly #applicants = new Queue<Applicant>()
  /** Of `#applicants`, those that are gone. */
  #gone = 0

  constructor(size: number) {
    this.room = size
    this.#size = size
  }

  /** Rows accepted and not yet settled. */
  get outstanding(): number {
    return this.#size - this.room
  }

  /** @throws {InvalidRowError} when the row cannot be read, as a getter or its key throws; then it takes no room */
  admit(lane: Lane, row: Row, waiter: Waiter | undefined, calledAt: number, origin: SpanContext | undefined): void {
    try {
      lane.add(row, waiter, lane.accept(calledAt), origin)
    } catch (cause) {
      lane.metrics?.countRejected('invalid', 1)
      throw new InvalidRowError(`a row of table ${JSON.stringify(lane.table.name)} cannot be read`, { cause })
    }
    this.room--
  }

  /** Resolves when the row was admitted; rejects when `signal` is aborted or everybody is refused before that. */
  wait(
    lane: Lane,
    row: Row,
    waiter: Waiter | undefined,
    calledAt: number,
    origin: SpanContext | undefined,
    signal?: AbortSignal,
  ): Promise<void> {
    return new Promise((admitted, refused) => {
      const leave = () => {
        this.#forget(applicant)
        lane.metrics?.countRejected('context', 1)
        refused(
          new AbortedError('submit was aborted while it waited for room; the row was not accepted', signal?.reason),
        )
      }
      const unlisten = signal === undefined ? () => {} : onAbort(signal, leave)
      const applicant = { lane, row, waiter, calledAt, origin, admitted, refused, unlisten, gone: false }
      this.#applicants.push(applicant)
    })
  }

  /** Gives back the room of settled rows to those who wait. */
  release(rows: number): void {
    this.room += rows
    while (this.room > 0) {
      const applicant = this.#next()
      if (applicant === undefined) return
      applicant.unlisten()
      this.#letIn(applicant)
    }
  }

  #letIn({ lane, row, waiter, calledAt, origin, admitted, refused }: Applicant): void {
    try {
      this.admit(lane, row, waiter, calledAt, origin)
      admitted()
    } catch (error) {
      refused(error)
    }
  }

  refuseAll(error: BatchFlowError): void {
    for (let applicant = this.#next(); applicant !== undefined; applicant = this.#next()) {
      applicant.unlisten()
      applicant.lane.metrics?.countRejected(error instanceof AbortedError ? 'context' : 'closed', 1)
      applicant.refused(error)
    }
  }

  #next(): Applicant | undefined {
    let applicant = this.#applicants.shift()
    for (; applicant?.gone; applicant = this.#applicants.shift()) this.#gone--
    return applicant
  }

  /** Those who gave up must not gather, with their rows, in front of a database that stalls. */
  #forget(applicant: Applicant): void {
    applicant.gone = true
    if (++this.#gone * 2 < this.#applicants.size) return
    this.#applicants.retain(({ gone }) => !gone)
    this.#gone = 0
  }
}
