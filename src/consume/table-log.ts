import { InvalidRowError, RowFailedError } from '../contract/errors.ts'
import { isTooLong } from '../contract/reasons.ts'
import type { Table } from '../contract/table.ts'
import { deliverBatch, letGo, type ReadyBatch } from '../flow/deliver-batch.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { Queue } from '../support/queue.ts'
import type { Item } from './held-message.ts'
import { KeptPosition } from './kept-position.ts'
import { whyOf } from './letters.ts'
import type { DeadLetterReason } from './source.ts'
import { Suspects } from './suspects.ts'
import type { TableLogHost } from './table-log-host.ts'
import { TablePosition } from './table-position.ts'

/**
 * The rows of one table in one partition, in order. One batch is in flight, with the position it moves; meanwhile rows gather
 * for the next.
 */
export class TableLog {
  readonly #table: Table
  readonly #host: TableLogHost
  readonly #queue = new Queue<Item>()
  readonly #position: KeptPosition
  readonly #suspects = new Suspects()
  /** A batch, a letter, a claim or a pause is under way. */
  #busy = false
  /** So many rows at the head were handed over before, and are not settled. */
  #kept = 0
  /** The database knows less than was committed: nothing can go on. */
  #stuck = false
  /** Where the position is to be moved once nothing is under way. */
  #wanted: string | undefined

  constructor(table: Table, scope: string, position: string, host: TableLogHost) {
    this.#table = table
    this.#host = host
    this.#position = new KeptPosition(table.name, scope, position, host)
  }

  get isBusy(): boolean {
    return this.#busy
  }

  /** Where reading has to begin for it. */
  get start(): string {
    return this.#position.at.start
  }

  has(item: Item): boolean {
    return this.#position.at.has(item.held.message.position, item.index)
  }

  push(item: Item): void {
    this.#queue.push(item)
  }

  /** Sends the next batch, where none is in flight. */
  work(): void {
    if (this.#busy || this.#stuck || this.#host.stopping || this.#queue.size === 0) return
    const items = this.#next()
    const rows = items.map(({ row }) => row)
    this.#busy = true
    try {
      deliverBatch(this.#host.shared.flow, this.#table, rows, (taken) => this.#ready(items.slice(0, taken)))
    } catch (error) {
      if (!this.#comesAgain(items, error)) this.#letGo(1, false)
      this.#failed(items, error as BatchFlowError)
    }
  }

  #ready(items: readonly Item[]): ReadyBatch {
    const value = positionAfter(items.at(-1)!)
    const again = Math.min(this.#kept, items.length)
    this.#kept -= again
    return {
      companion: { kind: 'move', scope: this.#position.scope, expected: this.#position.at.text, value },
      receiver: {
        committed: () => this.#committed(items.length, value),
        failed: (error, culprit) => this.#failed(items, error, culprit),
        keeps: (error) => this.#keeps(items, error),
      },
      again,
      origins: items.map(({ held }) => held.origin),
    }
  }

  #next(): readonly Item[] {
    const { flushSize, flushBytes } = this.#host.shared.settings
    const most = this.#suspects.most ?? flushSize
    const items: Item[] = []
    let bytes = 0
    for (const item of this.#queue) {
      bytes += item.held.bytes / item.held.items.length
      if (items.length >= most || (items.length > 0 && bytes > flushBytes)) break
      items.push(item)
    }
    return items
  }

  #committed(rows: number, value: string): void {
    const { shared, name } = this.#host
    this.#position.reached(value)
    shared.troubles.end('place', name, this.#table.name)
    this.#host.wentWell()
    this.#suspects.committed(rows)
    this.#take(rows, 'committed')
    this.#goOn()
  }

  #take(rows: number, outcome: 'committed' | undefined): void {
    for (let i = 0; i < rows; i++) this.#host.settle(this.#queue.shift()!, outcome)
  }

  #goOn(): void {
    this.#busy = false
    this.work()
    if (this.#wanted !== undefined && !this.#busy) {
      const wanted = this.#wanted
      this.#wanted = undefined
      void this.moveOn(wanted)
    }
    this.#host.check()
  }

  #keeps(items: readonly Item[], error: BatchFlowError): boolean {
    if (!this.#comesAgain(items, error)) return false
    this.#kept += items.length
    return true
  }

  #comesAgain({ length }: readonly Item[], error: unknown): boolean {
    return length > 1 || faultOf(error) !== 'row'
  }

  /** Rows that were kept come no more from here: their messages stay in the log. */
  giveBack(): void {
    this.#letGo(this.#kept, false)
  }

  /** @param isWritten by somebody else */
  #letGo(rows: number, isWritten: boolean): void {
    const kept = Math.min(this.#kept, rows)
    this.#kept -= kept
    if (kept > 0) letGo(this.#host.shared.flow, this.#table, kept, isWritten)
  }

  #failed(items: readonly Item[], error: BatchFlowError, culprit?: number): void {
    const fault = faultOf(error)
    if (this.#host.ended) {
      this.giveBack()
      this.#goOn()
    } else if (fault === 'fenced') void this.#reclaim()
    else if (fault === 'place') void this.#pausedBy(items.length, error)
    else if (items.length === 1) void this.#setAside(items[0]!, whyOf(this.#table, error))
    else {
      this.#suspects.among(items.length, culprit)
      this.#goOn()
    }
  }

  /** The place is at fault: what is held is sent again, in a while. */
  async #pausedBy(rows: number, error: BatchFlowError): Promise<void> {
    const { shared, name, stopping } = this.#host
    // What takes longer than it may would do so for ever, and fewer rows may not.
    if (error instanceof RowFailedError && isTooLong(error.reason)) this.#suspects.among(rows)
    if (!stopping) shared.troubles.begin('place', error, name, this.#table.name)
    await this.#host.pause()
    this.#goOn()
  }

  /** First the letter, then the position moves past the row, at once: else the next worker would write the letter again. */
  async #setAside(item: Item, why: DeadLetterReason): Promise<void> {
    this.#suspects.clear()
    if (await this.#host.putAside(item, { ...why, row: item.index })) {
      this.#queue.shift()
      this.#host.settle(item, 'dead_lettered')
      await this.#move(positionAfter(item))
    }
    this.#goOn()
  }

  /** Every row up to the message at `position` is settled: the next worker need not read them. */
  async moveOn(position: string): Promise<void> {
    if (this.#busy) this.#wanted = position
    if (this.#busy || this.#stuck || this.#host.ended || this.#queue.size > 0) return
    if (this.#position.at.has(position, Number.POSITIVE_INFINITY)) return
    this.#busy = true
    await this.#move(TablePosition.whole(position))
    this.#goOn()
  }

  async #move(value: string): Promise<void> {
    if ((await this.#position.move(value)) === 'fenced') await this.#claim()
  }

  async #reclaim(): Promise<void> {
    await this.#claim()
    this.#goOn()
  }

  /** Somebody else has moved the position: what they have written is dropped, and the rest goes on from there. */
  async #claim(): Promise<void> {
    const before = this.#position.at
    if (!(await this.#position.claim())) return
    if (this.#position.at.text === before.text) await this.#host.pause()
    else this.#dropWritten(before)
  }

  #dropWritten(before: TablePosition): void {
    const { shared, name } = this.#host
    const { at } = this.#position
    this.#suspects.clear()
    if (!at.covers(before)) {
      this.#stuck = true
      const message =
        `the position in the database (${JSON.stringify(at.text)}) is before what this worker has committed ` +
        `(${JSON.stringify(before.text)}), as after a restore: start the worker anew, so that it reads from there`
      shared.troubles.begin('position', new Error(message), name, this.#table.name)
      return
    }
    let rows = 0
    for (const item of this.#queue) if (this.has(item)) rows++
    this.#letGo(rows, true)
    this.#take(rows, undefined)
  }
}

function positionAfter({ held, index, isLast }: Item): string {
  const { position } = held.message
  return isLast ? TablePosition.whole(position) : TablePosition.partial(held.before, index + 1, position)
}

function faultOf(error: unknown): 'row' | 'place' | 'fenced' {
  if (error instanceof InvalidRowError) return 'row'
  if (!(error instanceof RowFailedError)) return 'place'
  return error.reason === 'fenced' ? 'fenced' : error.fault
}
