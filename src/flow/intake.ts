import type { SpanContext } from '@opentelemetry/api'
import { AbortedError, ClosedError, FullError } from '../contract/errors.ts'
import type { Row } from '../contract/table.ts'
import { FifoLane } from '../lanes/fifo-lane.ts'
import type { Lane } from '../lanes/lane.ts'
import type { ManyWaiter, Waiter } from '../lanes/waiter.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { type Limit, Room } from '../support/limit.ts'
import type { RowOrigin } from './call.ts'
import type { OverflowPolicy } from './options.ts'
import type { Load } from './overflow.ts'
import { isRow, leadingRows, refuse, unreadable } from './refusal.ts'
import { type Arrival, WaitingLine } from './waiting-line.ts'

/** What {@link Intake.submit} returns for a row that is accepted at once: one promise for all of them. */
export const ACCEPTED = Promise.resolve()

/** What the intake asks of its flow. */
export interface IntakeHost {
  /** The buffer has become full. */
  full(): void
  /** Makes room at the cost of rows that wait, see {@link Overflow.makeRoom}. */
  makeRoom(held: Load, first: number, wanted: () => Load): void
}

/**
 * The door of a flow: whether a row is accepted, has to wait, or is refused. Counts what may still be accepted; those who
 * wait are served first come, first served.
 */
export class Intake {
  #open = true
  /** The buffer was full, or a row found no room, and none was given back since. */
  #pressed = false
  #serving = false
  readonly #limit: Limit
  readonly #room: Room
  readonly #overflow: OverflowPolicy
  readonly #host: IntakeHost
  readonly #line = new WaitingLine()

  /** @param limit what is accepted and not yet settled, at most */
  constructor(limit: Limit, overflow: OverflowPolicy, host: IntakeHost) {
    this.#limit = limit
    this.#room = new Room(limit)
    this.#overflow = overflow
    this.#host = host
  }

  /** Rows may be submitted. */
  get open(): boolean {
    return this.#open
  }

  /** Rows wait, or would have to. */
  get full(): boolean {
    return this.#pressed
  }

  /** Rows that may be accepted now. */
  get room(): number {
    return this.#pressed ? 0 : this.#room.rows
  }

  /** Nobody waits for room. */
  get calm(): boolean {
    return this.#line.empty
  }

  /** Rows accepted and not yet settled. */
  get outstanding(): number {
    return this.#limit.rows - this.#room.rows
  }

  /** About how many bytes of memory those take. */
  get outstandingBytes(): number {
    return this.#limit.bytes - this.#room.bytes
  }

  /**
   * Resolves when the row is accepted: {@link ACCEPTED} where that is at once.
   *
   * @param from where the row comes from, when that is known: it is one of many in one call, or was told
   * @throws {BatchFlowError} when the row is refused now; a promise that is returned rejects when it is refused later
   */
  submit(lane: Lane, row: Row, waiter?: Waiter, signal?: AbortSignal, from?: RowOrigin): Promise<void> {
    if (!this.#takes(lane, row) || signal?.aborted) refuse(lane, row, this.#open, signal)
    const calledAt = lane.draw()
    const origin = from === undefined ? lane.origin() : from.originOf(lane)
    const bytes = lane.weigh(row)
    if (this.#admits(bytes) || this.#makeRoom(bytes, waiter?.patient)) {
      this.#accept(lane, row, waiter, calledAt, origin, bytes)
      return ACCEPTED
    }
    if (this.#overflow === 'reject' && !waiter?.patient) throw this.#fullError(lane)
    return this.#wait({ lane, row, waiter, calledAt, origin, bytes }, signal)
  }

  /**
   * Accepts rows of one call, from `first` on, as many as nothing has to be known of by itself; returns how many. 0: the next one
   * has to be {@link submit}ted.
   */
  submitSome(lane: Lane, rows: readonly Row[], first: number, waiter: ManyWaiter | undefined, from: RowOrigin): number {
    if (!(lane instanceof FifoLane)) return 0
    const some = leadingRows(rows, first, this.#together(lane))
    const count = Math.min(some.length, this.#together(lane)) // to read one may have submitted others
    if (count === 0) return 0
    this.#room.giveBack(-count, -count * lane.usualBytes) // before the batch may leave, and with it a getter submit
    lane.acceptMany(some, count, waiter, from.originOf(lane))
    if (this.#room.isUsedUp) this.#press()
    return count
  }

  /** How many rows may come at once of which nothing has to be known. */
  #together(lane: FifoLane): number {
    return this.#open && !this.#pressed ? Math.min(lane.together, this.#room.fitting(lane.usualBytes)) : 0
  }

  /** `false` where {@link submit} would wait. */
  trySubmit(lane: Lane, row: Row): boolean {
    if (!this.#takes(lane, row)) refuse(lane, row, this.#open)
    const bytes = lane.weigh(row)
    if (this.#admits(bytes) || this.#makeRoom(bytes)) {
      this.#accept(lane, row, undefined, lane.draw(), lane.origin(), bytes)
      return true
    }
    lane.reject('full')
    return false
  }

  /**
   * Makes room for a batch that is ready, at the cost of rows to come: whoever makes such batches sees to how many there are.
   *
   * @throws {ClosedError}
   */
  admit(lane: Lane, rows: number, bytes: number): void {
    if (!this.#open) {
      lane.reject('closed')
      throw new ClosedError()
    }
    this.#room.giveBack(-rows, -bytes)
    if (this.#room.isUsedUp) this.#press()
  }

  /** Gives the room of settled rows to those who wait. */
  release(rows: number, bytes: number): void {
    this.#room.giveBack(rows, bytes)
    if (this.#serving) return
    this.#serving = true
    const { joined } = this.#line // who comes because of what is dropped for these is no cause to drop more
    do this.#serve()
    while (this.#open && (this.#line.first?.number ?? joined) < joined && this.#dropForWaiting())
    this.#serving = false
    this.#pressed = !this.calm || this.#room.isUsedUp
    if (this.#pressed) this.#host.full()
  }

  #serve(): void {
    while (this.#nextFits) {
      const { lane, row, waiter, calledAt, origin, bytes, accepted, refused } = this.#line.next()!
      try {
        this.#accept(lane, row, waiter, calledAt, origin, bytes)
        accepted()
      } catch (error) {
        refused(error)
      }
    }
  }

  /** No row may be submitted any more; those who wait still may be accepted. */
  close(): void {
    this.#open = false
  }

  /** Nobody who waits is accepted any more. */
  refuseAll(error: BatchFlowError): void {
    for (let submission = this.#line.next(); submission !== undefined; submission = this.#line.next()) {
      submission.lane.reject(error instanceof AbortedError ? 'context' : 'closed')
      submission.refused(error)
    }
  }

  /** Where a table takes deletions `refuse` has a look at each row: one may be the copy of a deletion, and lack what that must have. */
  #takes({ table }: Lane, row: unknown): boolean {
    return table.deletes === undefined && isRow(row) && this.#open
  }

  /** There is room, and nobody who came before waits for it. */
  #admits(bytes: number): boolean {
    return this.#pressed ? this.calm && this.#room.fits(bytes) : this.#room.fits(bytes)
  }

  get #nextFits(): boolean {
    const next = this.#line.first
    return next !== undefined && this.#room.fits(next.bytes)
  }

  /** A row of `bytes` finds no room; returns whether there is some now. */
  #makeRoom(bytes: number, patient = false): boolean {
    if (!this.#pressed) this.#press()
    if (this.#overflow !== 'drop-oldest' || patient) return false
    const first = this.#line.first?.bytes ?? bytes
    this.#host.makeRoom({ rows: this.outstanding, bytes: this.outstandingBytes }, first, () => this.#line.wanted(bytes))
    return this.#admits(bytes)
  }

  /** Returns whether the first one who waits has room now. */
  #dropForWaiting(): boolean {
    if (this.#overflow !== 'drop-oldest') return false
    this.#host.makeRoom({ rows: this.outstanding, bytes: this.outstandingBytes }, this.#line.first!.bytes, () =>
      this.#line.wanted(),
    )
    return this.#nextFits
  }

  /** @throws {InvalidRowError} when the row cannot be read, as a getter or its key throws; then it takes no room */
  #accept(
    lane: Lane,
    row: Row,
    waiter: Waiter | undefined,
    calledAt: number,
    origin: SpanContext | undefined,
    bytes: number,
  ): void {
    let held: number
    try {
      held = lane.accept(row, waiter, calledAt, origin, bytes)
    } catch (cause) {
      throw unreadable(lane, cause)
    }
    if (this.#room.take(held)) this.#press()
  }

  #press(): void {
    this.#pressed = true
    this.#host.full()
  }

  #wait(row: Arrival, signal?: AbortSignal): Promise<void> {
    return this.#line.join(row, signal, () => {
      row.lane.reject('context')
      const message = 'submit was aborted while it waited for room; the row was not accepted'
      return new AbortedError(message, signal?.reason)
    })
  }

  #fullError(lane: Lane): FullError {
    lane.reject('full')
    return new FullError(lane.table.name, this.#limit.rows, this.#limit.bytes)
  }
}
