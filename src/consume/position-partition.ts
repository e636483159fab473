import type { Companions } from '../contract/companion.ts'
import { Queue } from '../support/queue.ts'
import type { HeldMessage } from './held-message.ts'
import { inTime } from './in-time.ts'
import { Partition } from './partition.ts'
import { claimed, scopeOf } from './scopes.ts'
import type { Shared } from './shared.ts'
import type { Message } from './source.ts'
import { TableLog } from './table-log.ts'
import type { TableLogHost } from './table-log-host.ts'

/** The database remembers what was read, per table. */
export class PositionPartition extends Partition {
  readonly #companions: Companions
  readonly #logs = new Map<string, TableLog>()
  /** Behind a message that is being put aside: no position may move past it before that is durable. */
  readonly #waiting = new Queue<HeldMessage>()
  /** The position of the last message whose rows the tables have. */
  #reached = ''

  constructor(name: string, shared: Shared, companions: Companions) {
    super(name, shared)
    this.#companions = companions
  }

  /** Resolves with the position after which to read. */
  async claim(): Promise<string> {
    const { settings, source, troubles, signal } = this.shared
    const place = { source, partition: this.name }
    while (!this.stopping) {
      try {
        const claim = (signal: AbortSignal) => claimed(this.#companions, place, settings.tables, signal)
        const positions = await inTime(settings.clock, signal, claim)
        troubles.end('position', this.name)
        this.backoff.reset()
        for (const [table, position] of positions) {
          const scope = scopeOf(source, this.name, table.name)
          this.#logs.set(table.name, new TableLog(table, scope, position, this.#host()))
        }
        return (this.last = this.#reached = this.#start(source.compare.bind(source)))
      } catch (error) {
        if (!this.stopping) troubles.begin('position', error, this.name)
        await this.backoff.wait()
      }
    }
    return ''
  }

  /** Where the table stands that has come least far. */
  #start(compare: (a: string, b: string) => number): string {
    const starts = Array.from(this.#logs.values(), ({ start }) => start)
    return starts.reduce((least, start) => (compare(start, least) < 0 ? start : least))
  }

  #host(): TableLogHost {
    const partition = this
    return {
      name: this.name,
      shared: this.shared,
      companions: this.#companions,
      get stopping() {
        return partition.stopping
      },
      get ended() {
        return partition.ended
      },
      settle: ({ held }, outcome) => this.settle(held, outcome),
      putAside: ({ held }, why) => this.putRowAside(held, why),
      check: () => this.check(),
      pause: () => this.backoff.wait(),
      wentWell: () => this.backoff.reset(),
    }
  }

  protected override isPast({ position }: Message): boolean {
    return this.shared.source.compare(position, this.last) <= 0
  }

  protected get isBusy(): boolean {
    return Array.from(this.#logs.values()).some((log) => log.isBusy)
  }

  protected queue(held: HeldMessage): void {
    this.#waiting.push(held)
  }

  #sort(held: HeldMessage): void {
    this.#reached = held.message.position
    for (const item of held.items) {
      const log = this.#logs.get(item.table.name)
      if (log === undefined || log.has(item)) held.settle(undefined)
      else log.push(item)
    }
  }

  protected work(): void {
    let isPastLetter = false
    for (let held = this.#waiting.first; held !== undefined && !isBeingPutAside(held); held = this.#waiting.first) {
      this.#sort(held)
      this.#waiting.shift()
      isPastLetter ||= held.letter !== undefined
    }
    this.check()
    for (const log of this.#logs.values()) log.work()
    if (isPastLetter) this.moveIdle() // else the next worker would write the letter again
  }

  /** Tables that got no rows for a while would have the whole log read again after a crash. */
  moveIdle(): void {
    if (this.stopping) return
    for (const log of this.#logs.values()) void log.moveOn(this.#reached)
  }

  giveBack(): void {
    for (const log of this.#logs.values()) log.giveBack()
  }

  protected async leave(): Promise<void> {
    await Promise.all(Array.from(this.#logs.values(), (log) => log.moveOn(this.#reached)))
  }
}

function isBeingPutAside({ letter, outcome }: HeldMessage): boolean {
  return letter !== undefined && outcome !== 'dead_lettered'
}
