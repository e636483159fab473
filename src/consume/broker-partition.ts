import { InvalidRowError, RowFailedError } from '../contract/errors.ts'
import type { Row, Table } from '../contract/table.ts'
import type { BatchFlow } from '../flow/batch-flow.ts'
import { ACCEPTED } from '../flow/intake.ts'
import type { Receiver } from '../lanes/batch.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { logError } from '../support/guard.ts'
import type { HeldMessage, Item } from './held-message.ts'
import { Partition, whyOf } from './partition.ts'

/** The log remembers what was read. */
export class BrokerPartition extends Partition {
  readonly #rows = new WeakMap<HeldMessage, readonly Delivery[]>()
  /** The first one of `held` whose rows were not handed over. */
  #next = 0
  #away = 0
  #pumping = false
  /** Rows failed for the place's fault: when those under way have come back, all is handed over again from there on. */
  #paused = false
  readonly #troubled = new Set<Table>()

  protected get isBusy(): boolean {
    return this.#away > 0 || this.#pumping
  }

  protected queue(held: HeldMessage): void {
    this.#rows.set(
      held,
      held.items.map((item) => new Delivery(item, this)),
    )
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
      const held = this.held[this.#next++]!
      for (const delivery of this.#rows.get(held) ?? []) {
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
    const accepted = handOver(this.shared.flow, table, row, delivery, held)
    return accepted === ACCEPTED ? ACCEPTED : accepted.catch((error) => this.#refused(delivery, error))
  }

  /** The flow did not accept it. */
  #refused(delivery: Delivery, error: unknown): void {
    if (error instanceof InvalidRowError) {
      this.#away--
      const { table } = delivery.item
      this.#setAside(delivery, { reason: 'invalid_data', table: table.name, message: error.message })
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
    this.#landed()
  }

  failed(delivery: Delivery, error: BatchFlowError): void {
    if (error instanceof RowFailedError && error.fault === 'row') {
      this.#away--
      this.#setAside(delivery, whyOf(error))
    } else this.#comeBack(delivery, error)
    this.#landed()
  }

  #setAside(delivery: Delivery, why: ReturnType<typeof whyOf>): void {
    const { held, index } = delivery.item
    delivery.state = 'aside'
    void this.putAside(held, { ...why, row: index }).then((isDone) => isDone && this.settle(held, 'dead_lettered'))
  }

  /** It is not at fault, and is handed over again. */
  #comeBack(delivery: Delivery, error: unknown): void {
    const { table } = delivery.item
    this.#away--
    delivery.state = 'failed'
    if (this.stopping) return
    this.#paused = true
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
      this.work()
    })
  }

  /**
   * Has rows handed over again: those that came back, and behind them in a table where the last one wins those too that are
   * written, as they must come after them.
   */
  #rewind(): void {
    const cameBack = new Set<Table>()
    for (const held of this.held) {
      for (const delivery of this.#rows.get(held) ?? []) {
        const { table } = delivery.item
        if (delivery.state === 'failed') {
          cameBack.add(table)
          delivery.state = 'waiting'
        } else if (delivery.state === 'done' && cameBack.has(table) && lastWins(table)) {
          held.left++
          delivery.state = 'waiting'
        }
      }
    }
    this.#next = 0
  }

  protected override removed(count: number): void {
    this.#next = Math.max(0, this.#next - count)
  }

  protected leave(): Promise<void> {
    return Promise.resolve()
  }
}

/** One row on its way. */
class Delivery implements Receiver {
  readonly item: Item
  /** `failed`: for no fault of its own. */
  state: 'waiting' | 'away' | 'done' | 'failed' | 'aside' = 'waiting'
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
}

function lastWins({ action }: Table): boolean {
  return action === 'update' || action === 'replace'
}

function handOver(flow: BatchFlow, table: Table, row: Row, receiver: Receiver, { origin }: HeldMessage): Promise<void> {
  return flow.deliver(table, row as never, receiver, origin === undefined ? undefined : { origin })
}
