import { AbortedError, InvalidRowError, RowFailedError } from '../contract/errors.ts'
import type { Table } from '../contract/table.ts'
import { Given } from '../flow/call.ts'
import { deliverRow, letRowsGo } from '../flow/deliver-row.ts'
import { ACCEPTED } from '../flow/intake.ts'
import type { Waiter } from '../lanes/waiter.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { logError } from '../support/guard.ts'
import type { HeldMessage, Item } from './held-message.ts'
import { whyOf } from './letters.ts'
import { Partition } from './partition.ts'
import type { DeadLetterReason } from './source.ts'

/** The log remembers what was read. */
export class BrokerPartition extends Partition {
  /** Of each of `held`. */
  readonly #rows: (readonly Delivery[])[] = []
  /** The first one of `held` whose rows were not handed over. */
  #next = 0
  #away = 0
  #pumping = false
  /** Rows failed for the place's fault: when those under way have come back, all is handed over again from there on. */
  #paused = false
  /** Aborted by a pause, as what waits for room then must not get in before what comes again, and when all is given back. */
  #door = new AbortController()
  /** The origin told last: rows of one message come one after the other. */
  #given = Given.none
  readonly #troubled = new Set<Table>()

  protected get isBusy(): boolean {
    return this.#away > 0 || this.#pumping
  }

  protected queue(held: HeldMessage): void {
    this.#rows.push(held.items.map((item) => new Delivery(item, this)))
  }

  protected work(): void {
    if (this.#pumping) return
    this.#pumping = true
    void this.#pump()
      .catch((error) => logError('messages were not handed over', error))
      .then(() => {
        this.#pumping = false
        if (this.#paused) this.#rest()
        else if (this.#next < this.held.length && !this.stopping) this.work() // they came as it ended
        this.check()
      })
  }

  async #pump(): Promise<void> {
    while (!this.stopping && !this.#paused && this.#next < this.held.length) {
      for (const delivery of this.#rows[this.#next++] ?? []) {
        if (this.stopping || this.#paused) return // a pause ends with all of them handed over again
        if (delivery.state !== 'waiting') continue
        const accepted = this.#hand(delivery)
        if (accepted !== ACCEPTED) await accepted
      }
    }
  }

  #hand(delivery: Delivery): Promise<void> {
    const { table, row, held } = delivery.item
    delivery.state = 'away'
    this.#away++
    if (held.origin !== this.#given.origin) this.#given = new Given(held.origin)
    const how = { given: this.#given, signal: this.#door.signal }
    const accepted = deliverRow(this.shared.flow, table, row, delivery, how)
    return accepted === ACCEPTED ? ACCEPTED : accepted.catch((error) => this.#refused(delivery, error))
  }

  /** The flow did not accept it. */
  #refused(delivery: Delivery, error: unknown): void {
    if (error instanceof InvalidRowError) {
      this.#away--
      this.#letGo([delivery])
      this.#setAside(delivery, whyOf(delivery.item.table, error))
    } else this.#comeBack(delivery, error)
  }

  committed(delivery: Delivery): void {
    this.#away--
    delivery.state = 'done'
    const { table, held } = delivery.item
    if (this.#troubled.size > 0 && this.#troubled.delete(table)) {
      this.shared.troubles.end('place', this.name, table.name)
      if (this.#troubled.size === 0) this.backoff.reset()
    }
    this.settle(held, 'committed')
    if (held.failed > 0) this.#putAside(held)
    this.#landed()
  }

  keeps(error: BatchFlowError): boolean {
    return !isOfRow(error)
  }

  failed(delivery: Delivery, error: BatchFlowError): void {
    if (isOfRow(error)) {
      this.#away--
      this.#setAside(delivery, whyOf(delivery.item.table, error))
    } else this.#comeBack(delivery, error)
    this.#landed()
  }

  #setAside(delivery: Delivery, why: DeadLetterReason): void {
    const { held, index } = delivery.item
    delivery.state = 'aside'
    const fault = { ...why, row: index }
    if (this.shared.source.deadLettersEach === true) {
      void this.putRowAside(held, fault).then((isDone) => isDone && this.settle(held, 'dead_lettered'))
    } else {
      held.fail(fault)
      this.#putAside(held)
    }
  }

  /** Once what became of all its rows is known: the letter names those that failed. */
  #putAside(held: HeldMessage): void {
    const { failed, left, letter, why } = held
    if (letter === undefined && failed < left) return
    held.failed = 0
    void this.putAside(held, why).then((isDone) => {
      for (let i = 0; isDone && i < failed; i++) this.settle(held, 'dead_lettered')
    })
  }

  /** It is not at fault, and is handed over again. */
  #comeBack(delivery: Delivery, error: unknown): void {
    const { table } = delivery.item
    this.#away--
    delivery.state = 'failed'
    if (this.ended) this.#letGo([delivery])
    if (this.stopping) return
    this.#paused = true
    this.#door.abort()
    if (error instanceof AbortedError) return // it only waited for room
    if (!this.#troubled.has(table)) this.shared.troubles.begin('place', error, this.name, table.name)
    this.#troubled.add(table)
  }

  #landed(): void {
    if (this.#away > 0) return
    if (this.#paused) this.#rest()
    if (this.stopping) this.check()
  }

  /** Nothing is under way, and rows have come back. */
  #rest(): void {
    if (this.#away > 0 || this.#pumping || this.stopping) return
    this.#pumping = true // nobody else begins meanwhile
    void this.backoff.wait().then(() => {
      this.#pumping = false
      if (this.stopping) return this.check()
      this.#rewind()
      this.#paused = false
      this.#door = new AbortController()
      this.work()
    })
  }

  /** Has rows handed over again that came back; those behind them in their lanes have come back with them. */
  #rewind(): void {
    for (const delivery of this.#deliveries()) if (delivery.state === 'failed') delivery.state = 'waiting'
    this.#next = 0
  }

  *#deliveries(): Iterable<Delivery> {
    for (const deliveries of this.#rows) yield* deliveries
  }

  giveBack(): void {
    this.#door.abort()
    this.#letGo(this.#deliveries())
  }

  #letGo(deliveries: Iterable<Delivery>): void {
    const rows = new Map<Table, number>()
    for (const delivery of deliveries) {
      if (!delivery.again) continue
      delivery.again = false
      const { table } = delivery.item
      rows.set(table, (rows.get(table) ?? 0) + 1)
    }
    for (const [table, count] of rows) letRowsGo(this.shared.flow, table, count)
  }

  protected override removed(count: number): void {
    this.#rows.splice(0, count)
    this.#next = Math.max(0, this.#next - count)
  }

  protected leave(): Promise<void> {
    return Promise.resolve()
  }
}

/** One row on its way. */
class Delivery implements Waiter {
  readonly item: Item
  /** `failed`: for no fault of its own. */
  state: 'waiting' | 'away' | 'done' | 'failed' | 'aside' = 'waiting'
  again = false
  readonly #partition: BrokerPartition

  constructor(item: Item, partition: BrokerPartition) {
    this.item = item
    this.#partition = partition
  }

  committed(): void {
    this.#partition.committed(this)
  }

  failed(error: BatchFlowError): void {
    this.#partition.failed(this, error)
  }

  keeps(error: BatchFlowError): boolean {
    this.again = this.#partition.keeps(error)
    return this.again
  }
}

function isOfRow(error: BatchFlowError): boolean {
  return error instanceof RowFailedError && error.fault === 'row'
}
