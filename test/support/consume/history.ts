import fc from 'fast-check'
import type { WorkerOptions } from '../../../src/consume/options.ts'
import { ManualClock, settled } from '../engine/clock.ts'
import { MemoryLog } from './memory-log.ts'
import { type Fate, MemoryStore } from './memory-store.ts'
import { type Event, type WorkerRig, workerRig } from './rig.ts'

const PARTITIONS = ['a', 'b'] as const

/** What happens while a log is read. */
export type Step =
  | { readonly kind: 'append'; readonly partition: number; readonly rows: readonly RowKind[] }
  | { readonly kind: 'own' | 'revoke' | 'lose'; readonly worker: number; readonly partition: number }
  | { readonly kind: 'crash' | 'close'; readonly worker: number }
  | { readonly kind: 'time'; readonly ms: number }

/** `event`: appended; `state`: one of three keys; `bad`: fails alone; `unreadable`: the whole message is. */
export type RowKind = 'event' | 'state' | 'bad' | 'unreadable'

const partition = fc.nat(PARTITIONS.length - 1)
const rowKind = fc.oneof(
  { weight: 6, arbitrary: fc.constant<RowKind>('event') },
  { weight: 6, arbitrary: fc.constant<RowKind>('state') },
  { weight: 1, arbitrary: fc.constant<RowKind>('bad') },
  { weight: 1, arbitrary: fc.constant<RowKind>('unreadable') },
)

const append = fc.record({
  kind: fc.constant('append' as const),
  partition,
  rows: fc.array(rowKind, { maxLength: 5 }),
})
const time = fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(0, 0, 2, 50, 500, 20_000) })

/** @param zombies whether a worker may go on with a partition that is somebody else's already */
export function history(zombies: boolean): fc.Arbitrary<{ steps: Step[]; fates: [Fate, number][] }> {
  const worker = fc.nat(2)
  const kinds = zombies ? (['own', 'own', 'revoke', 'lose'] as const) : (['own', 'own', 'revoke'] as const)
  const ownership = fc.record({ kind: fc.constantFrom(...kinds), worker, partition })
  const end = fc.record({ kind: fc.constantFrom('crash' as const, 'close' as const), worker })
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: append },
    { weight: 4, arbitrary: time },
    { weight: 3, arbitrary: ownership },
    { weight: 1, arbitrary: end },
  )
  const fate = fc.oneof(
    { weight: 6, arbitrary: fc.constant<Fate>('commit') },
    { weight: 1, arbitrary: fc.constant<Fate>('place') },
    { weight: 1, arbitrary: fc.constant<Fate>('lost') },
  )
  return fc.record({
    steps: fc.array(step, { maxLength: 40, size: 'max' }),
    fates: fc.array(fc.tuple(fate, fc.nat(3)), { maxLength: 60, size: 'max' }),
  })
}

interface Living extends WorkerRig {
  /** The process is gone: nothing it does has any effect. */
  dead: boolean
}

/** Lives through a history with up to three workers over one log and one database. */
export class World {
  readonly log = new MemoryLog()
  readonly store = new MemoryStore()
  readonly clock = new ManualClock()
  readonly #mode: 'broker' | 'database'
  readonly #zombies: boolean
  readonly #options: Partial<Omit<WorkerOptions, 'log' | 'clock'>>
  readonly #workers = new Map<number, Living>()
  readonly #all: Living[] = []
  #fates: [Fate, number][] = []
  #next = 1
  readonly events: { partition: string; id: number }[] = []
  readonly bad: number[] = []
  readonly unreadable: { partition: string; position: string }[] = []
  readonly states = new Map<number, number>()

  constructor(mode: 'broker' | 'database', zombies: boolean, options: Partial<Omit<WorkerOptions, 'log' | 'clock'>>) {
    this.#mode = mode
    this.#zombies = zombies
    this.#options = options
  }

  async live(steps: readonly Step[], fates: readonly [Fate, number][]): Promise<void> {
    this.#fates = [...fates]
    for (const step of steps) await this.#take(step)
    this.#fates = []
    await this.#finish()
  }

  async #take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'append':
        return this.#append(PARTITIONS[step.partition]!, step.rows)
      case 'time':
        return this.clock.advance(step.ms)
      case 'own':
        return this.#own(step.worker, PARTITIONS[step.partition]!)
      case 'revoke':
      case 'lose':
        void this.#workers.get(step.worker)?.source.revoke(PARTITIONS[step.partition]!, step.kind === 'lose')
        return settled()
      case 'crash':
        return this.#crash(step.worker)
      case 'close':
        void this.#workers.get(step.worker)?.worker.close()
        this.#workers.delete(step.worker)
        return settled()
    }
  }

  #append(partition: string, kinds: readonly RowKind[]): void {
    if (kinds.includes('unreadable')) {
      const { position } = this.log.append(partition, 'no JSON')
      this.unreadable.push({ partition, position })
      return
    }
    const rows = kinds.map((kind) => {
      const id = this.#next++
      if (kind === 'state') return { table: 'states', row: this.#state(partition, id) }
      if (kind === 'bad') this.bad.push(id)
      else this.events.push({ partition, id })
      return { table: 'events', row: { id, value: id, bad: kind === 'bad' } }
    })
    this.log.append(partition, rows)
  }

  #state(partition: string, value: number): Event {
    const key = PARTITIONS.indexOf(partition as 'a') * 10 + (value % 3)
    this.states.set(key, value)
    return { id: key, value }
  }

  /** Without zombies whoever had the partition is told first, and waited for. */
  async #own(number: number, partition: string): Promise<void> {
    if (!this.#zombies) {
      for (const { source, dead } of this.#all) {
        if (!dead && source.owned.includes(partition)) void source.revoke(partition).catch(() => {})
      }
      for (let i = 0; i < 40; i++) await this.clock.advance(5000)
    }
    const living = this.#workers.get(number) ?? (await this.#begin(number))
    void living.source.own(partition)
    await settled()
  }

  async #begin(number: number): Promise<Living> {
    const { log, clock } = this
    let living: Living | undefined
    const store = this.#storeOf(() => living?.dead === true)
    const rig = await workerRig({ mode: this.#mode, log, store, clock, flushSize: 3, ...this.#options })
    living = { ...rig, dead: false }
    const refuse = () => {
      if (living!.dead) throw new Error('the process is gone')
    }
    rig.source.chunk = 4
    rig.source.onAcknowledge = refuse
    rig.source.onDeadLetter = refuse
    this.#workers.set(number, living)
    this.#all.push(living)
    return living
  }

  /** The one database as one worker sees it. */
  #storeOf(isDead: () => boolean): MemoryStore {
    const { store } = this
    const view = new MemoryStore()
    for (const kept of ['appended', 'keyed', 'positions', 'batches', 'moves'] as const) {
      Object.defineProperty(view, kept, { value: store[kept] })
    }
    view.decide = async () => {
      const [fate, ticks] = this.#fates.shift() ?? ['commit', 0]
      for (let i = 0; i < ticks; i++) await settled()
      return isDead() ? 'place' : fate
    }
    view.onCompanion = () => {
      if (isDead()) throw new Error('the process is gone')
    }
    return view
  }

  async #crash(number: number): Promise<void> {
    const living = this.#workers.get(number)
    if (living === undefined) return
    living.dead = true
    this.#workers.delete(number)
    for (const partition of living.source.owned) void living.source.revoke(partition, true)
    await settled()
  }

  /** Nothing fails any more: the last worker reads everything there is. */
  async #finish(): Promise<void> {
    for (const { worker } of this.#all) void worker.close()
    for (let i = 0; i < 60; i++) await this.clock.advance(5000)
    const last = await this.#begin(99)
    for (const partition of PARTITIONS) void last.source.own(partition)
    for (let i = 0; i < 60; i++) await this.clock.advance(5000)
    void last.worker.close()
    for (let i = 0; i < 10; i++) await this.clock.advance(5000)
    await Promise.all(this.#all.map(({ worker }) => worker.close()))
  }
}
