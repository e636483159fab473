import type { Companions } from '../contract/companion.ts'
import { FencedError, InvalidRowError, RowFailedError } from '../contract/errors.ts'
import type { Table } from '../contract/table.ts'
import { deliverBatch, type ReadyBatch } from '../flow/deliver-batch.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { Queue } from '../support/queue.ts'
import type { Item } from './held-message.ts'
import { inTime } from './in-time.ts'
import type { Shared } from './partition.ts'
import type { DeadLetterReason } from './source.ts'
import { TablePosition } from './table-position.ts'

/** What one table's log asks of its partition. */
export interface TableLogHost {
  readonly name: string
  readonly shared: Shared
  readonly companions: Companions
  /** Nothing more is begun. */
  readonly stopping: boolean
  /** The partition is gone: what happens to its rows is of no interest. */
  readonly ended: boolean
  settle(item: Item, outcome: 'committed' | 'dead_lettered' | undefined): void
  putAside(item: Item, why: DeadLetterReason): Promise<boolean>
  /** Something came to its end. */
  check(): void
  /** Resolves when it is time for another try. */
  pause(): Promise<void>
  /** It went well. */
  wentWell(): void
}

/**
 * The rows of one table in one partition, in order. One batch is in flight, with the position it moves; meanwhile rows gather
 * for the next.
 */
export class TableLog {
  readonly scope: string
  readonly #table: Table
  readonly #host: TableLogHost
  readonly #queue = new Queue<Item>()
  #at: TablePosition
  /** A batch, a letter, a claim or a pause is under way. */
  #busy = false
  /** Among so many rows at the head there is one that is at fault. */
  #suspects = 0
  /** The database knows less than was committed: nothing can go on. */
  #stuck = false

  constructor(table: Table, scope: string, position: string, host: TableLogHost) {
    this.#table = table
    this.scope = scope
    this.#host = host
    this.#at = new TablePosition(position, (a, b) => host.shared.source.compare(a, b))
  }

  get isBusy(): boolean {
    return this.#busy
  }

  /** Where reading has to begin for it. */
  get start(): string {
    return this.#at.start
  }

  has(item: Item): boolean {
    return this.#at.has(item.held.message.position, item.index)
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
      this.#failed(items, error as BatchFlowError)
    }
  }

  #ready(items: readonly Item[]): ReadyBatch {
    const value = positionAfter(items.at(-1)!)
    return {
      companion: { kind: 'move', scope: this.scope, expected: this.#at.text, value },
      receiver: {
        committed: () => this.#committed(items.length, value),
        failed: (error) => this.#failed(items, error),
      },
      origins: items.map(({ held }) => held.origin),
    }
  }

  #next(): readonly Item[] {
    const { flushSize, flushBytes } = this.#host.shared.settings
    const most = this.#suspects > 0 ? Math.ceil(this.#suspects / 2) : flushSize
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
    this.#moveTo(value)
    shared.troubles.end('place', name, this.#table.name)
    this.#host.wentWell()
    this.#suspects = Math.max(0, this.#suspects - rows)
    this.#take(rows, 'committed')
    this.#goOn()
  }

  #moveTo(text: string): void {
    const { source } = this.#host.shared
    this.#at = new TablePosition(text, (a, b) => source.compare(a, b))
  }

  #take(rows: number, outcome: 'committed' | undefined): void {
    for (let i = 0; i < rows; i++) this.#host.settle(this.#queue.shift()!, outcome)
  }

  #goOn(): void {
    this.#busy = false
    this.work()
    this.#host.check()
  }

  #failed(items: readonly Item[], error: BatchFlowError): void {
    const fault = faultOf(error)
    if (this.#host.ended) this.#goOn()
    else if (fault === 'fenced') void this.#reclaim()
    else if (fault === 'place') void this.#pausedBy(items.length, error)
    else if (items.length > 1) this.#halve(items.length)
    else void this.#setAside(items[0]!, whyOf(this.#table, error))
  }

  #halve(rows: number): void {
    this.#suspects = rows
    this.#goOn()
  }

  /** What takes longer than it may would do so for ever, and fewer rows may not. */
  #pausedBy(rows: number, error: BatchFlowError): Promise<void> {
    if (error instanceof RowFailedError && TOO_LONG.has(error.reason)) this.#suspects = rows
    return this.#wait('place', error)
  }

  /** The place is at fault: what is held is sent again, in a while. */
  async #wait(kind: 'place' | 'position', error: unknown): Promise<void> {
    const { shared, name } = this.#host
    if (!this.#host.stopping) shared.troubles.begin(kind, error, name, this.#table.name)
    await this.#host.pause()
    this.#goOn()
  }

  /** First the letter, then the position moves past the row: with the rows behind it, or alone. */
  async #setAside(item: Item, why: DeadLetterReason): Promise<void> {
    this.#suspects = 0
    if (await this.#host.putAside(item, { ...why, row: item.index })) {
      this.#queue.shift()
      this.#host.settle(item, 'dead_lettered')
      if (this.#queue.size === 0 || this.#host.stopping) await this.#move(positionAfter(item))
    }
    this.#goOn()
  }

  /** Every row up to the message at `position` is settled: the next worker need not read them. */
  async moveOn(position: string): Promise<void> {
    if (this.#busy || this.#stuck || this.#host.ended || this.#queue.size > 0) return
    if (this.#at.has(position, Number.POSITIVE_INFINITY)) return
    this.#busy = true
    await this.#move(TablePosition.whole(position))
    this.#goOn()
  }

  async #move(value: string): Promise<void> {
    const { companions, shared } = this.#host
    const move = { kind: 'move', scope: this.scope, expected: this.#at.text, value } as const
    try {
      await inTime(shared.settings.clock, shared.signal, (signal) => companions.commit(move, signal))
      this.#moveTo(value)
      shared.troubles.end('position', this.#host.name, this.#table.name)
    } catch (error) {
      if (error instanceof FencedError) await this.#claim()
      // Else it moves with the next batch, or the next time it is asked to.
      else if (!this.#host.stopping) shared.troubles.begin('position', error, this.#host.name, this.#table.name)
    }
  }

  async #reclaim(): Promise<void> {
    await this.#claim()
    this.#goOn()
  }

  /** Somebody else has moved the position: what they have written is dropped, and the rest goes on from there. */
  async #claim(): Promise<void> {
    const { shared, name, companions } = this.#host
    const before = this.#at
    const claim = (signal: AbortSignal) => companions.claim([this.scope], signal)
    while (!this.#host.ended) {
      try {
        const positions = await inTime(shared.settings.clock, shared.signal, claim)
        this.#moveTo(positions.get(this.scope) ?? '')
        shared.troubles.end('position', name, this.#table.name)
        if (this.#at.text === before.text) await this.#host.pause()
        else this.#dropWritten(before)
        return
      } catch (error) {
        if (this.#host.stopping) return
        shared.troubles.begin('position', error, name, this.#table.name)
        await this.#host.pause()
      }
    }
  }

  #dropWritten(before: TablePosition): void {
    const { shared, name } = this.#host
    this.#suspects = 0
    if (!this.#at.covers(before)) {
      this.#stuck = true
      const message =
        `the position in the database (${JSON.stringify(this.#at.text)}) is before what this worker has committed ` +
        `(${JSON.stringify(before.text)}), as after a restore: start the worker anew, so that it reads from there`
      shared.troubles.begin('position', new Error(message), name, this.#table.name)
      return
    }
    let rows = 0
    for (const item of this.#queue) if (this.has(item)) rows++
    this.#take(rows, undefined)
  }
}

const TOO_LONG: ReadonlySet<string> = new Set(['processor_timeout', 'timeout'])

function positionAfter({ held, index, isLast }: Item): string {
  const { position } = held.message
  return isLast ? TablePosition.whole(position) : TablePosition.partial(held.before, index + 1, position)
}

function faultOf(error: unknown): 'row' | 'place' | 'fenced' {
  if (error instanceof InvalidRowError) return 'row'
  if (!(error instanceof RowFailedError)) return 'place'
  return error.reason === 'fenced' ? 'fenced' : error.fault
}

/** Holds no value of a row. */
function whyOf({ name }: Table, error: BatchFlowError): DeadLetterReason {
  if (!(error instanceof RowFailedError)) return { reason: 'invalid_data', table: name, message: error.message }
  const { reason, databaseCode, message } = error
  return { reason, table: name, message, ...(databaseCode !== undefined && { code: databaseCode }) }
}
