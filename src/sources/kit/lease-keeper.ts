import type { Clock, Timer } from '../../support/clock.ts'
import { type LeaseStore, movesOf } from './leases.ts'

/** Whom a keeper tells. */
export interface LeaseHolder {
  /** The partition is ours. @param token larger than that of any owner before */
  taken(partition: string, token: number): void
  /** It is to be given back, which happens once this resolves; or it is `lost`: somebody else may have it already. */
  revoked(partition: string, lost: boolean): Promise<void>
  /** The store cannot be reached; `undefined`: it can again. */
  trouble(error: Error | undefined): void
}

export interface LeaseKeeperSettings {
  readonly store: LeaseStore
  readonly holder: LeaseHolder
  readonly clock: Clock
  readonly member: string
  readonly partitions: readonly string[]
  /** How long a lease lasts that nobody renews, in ms. */
  readonly ttl: number
}

/** Beats in the lifetime of a lease. */
const BEATS = 4
/** Leases asked for at once: the store may be far away. */
const AT_ONCE = 16
/** The part of its lifetime before whose end a lease that could not be renewed is given up: its next owner must find nobody there. */
const MARGIN = 1 / 5

interface Held {
  readonly token: number
  /** Until when nobody else can have it, by our own clock. */
  until: number
  leaving: boolean
}

/**
 * Keeps this worker's share of the partitions: takes what nobody has, gives back what others lack, and lets go in time when the
 * store is out of reach. Of a worker that dies the partitions are free after `ttl`, and taken at the next beat of another.
 */
export class LeaseKeeper {
  readonly #settings: LeaseKeeperSettings
  readonly #held = new Map<string, Held>()
  readonly #beat: Timer
  readonly #watch: Timer
  #round: Promise<void> | undefined
  #stopping: (() => void) | undefined
  /** Others are free and wait for the next round, which is due at once. */
  #isBehind = false
  #isInTrouble = false
  #isStopped = false

  constructor(settings: LeaseKeeperSettings) {
    this.#settings = settings
    this.#beat = settings.clock.timer(() => void this.#go())
    this.#watch = settings.clock.timer(() => this.#expire())
  }

  /** Partitions that are ours now, with their tokens. */
  get held(): ReadonlyMap<string, number> {
    return new Map([...this.#held].map(([partition, { token }]) => [partition, token]))
  }

  /** The token by which the partition is ours, as far as the clock tells; `undefined`: it is not. */
  tokenOf(partition: string): number | undefined {
    const held = this.#held.get(partition)
    return held !== undefined && held.until > this.#settings.clock.now() ? held.token : undefined
  }

  /** The first look around. Rejects when the store cannot be reached; then nothing was begun. */
  async start(): Promise<void> {
    await this.#lookAround()
    this.#beat.start(this.#rest)
  }

  /** Somebody told that the partition is not ours, whatever the store said last. */
  lose(partition: string): void {
    if (!this.#held.delete(partition)) return
    void this.#settings.holder.revoked(partition, true)
    this.#finish()
  }

  /** Gives everything back and says goodbye; goes on renewing until that is done. Never rejects. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    const done = new Promise<void>((resolve) => (this.#stopping = resolve))
    for (const partition of this.#held.keys()) this.#giveBack(partition)
    this.#finish()
    await done
    this.#isStopped = true
    this.#beat.stop()
    this.#watch.stop()
    await this.#round
    await this.#settings.store.leave(this.#settings.member).catch(() => undefined)
  }

  get #pause(): number {
    return this.#settings.ttl / BEATS
  }

  /** Until the next round. */
  get #rest(): number {
    return this.#isBehind ? 0 : this.#pause
  }

  /** One round at a time. */
  async #go(): Promise<void> {
    if (this.#round !== undefined || this.#isStopped) return
    this.#round = this.#lookAround().then(
      () => this.#told(undefined),
      (error) => this.#told(error),
    )
    await this.#round
    this.#round = undefined
    if (this.#isStopped) return
    this.#beat.start(this.#rest)
  }

  #told(error: Error | undefined): void {
    if (error === undefined && !this.#isInTrouble) return
    this.#isInTrouble = error !== undefined
    this.#settings.holder.trouble(error)
  }

  async #lookAround(): Promise<void> {
    const { store, clock, member, partitions, ttl } = this.#settings
    this.#isBehind = false
    const begun = clock.now()
    const before = this.held
    const view = await store.beat(member, before, ttl)
    const leaving = new Set([...this.#held].filter(([, { leaving }]) => leaving).map(([partition]) => partition))
    const asked = [...before].filter(([partition, token]) => this.#held.get(partition)?.token === token)
    const names = asked.map(([partition]) => partition)
    const { lost, surplus, free, room } = movesOf(member, partitions, view, names, leaving)
    for (const partition of lost) this.lose(partition)
    for (const partition of names) this.#renewed(partition, begun + ttl)
    this.#expire()
    if (this.#stopping !== undefined) return
    for (const partition of surplus) this.#giveBack(partition)
    await this.#take(free, room, begun)
  }

  #renewed(partition: string, until: number): void {
    const held = this.#held.get(partition)
    if (held !== undefined) held.until = until
  }

  /** For no longer than until the next beat is due, as those that are held would end meanwhile. The rest is left to the next round. */
  async #take(free: readonly string[], room: number, begun: number): Promise<void> {
    const wanted = free.filter((partition) => !this.#held.has(partition))
    for (let left = room; left > 0 && wanted.length > 0 && this.#stopping === undefined; ) {
      this.#isBehind = this.#settings.clock.now() - begun >= this.#pause
      if (this.#isBehind) return
      const some = wanted.splice(0, Math.min(left, AT_ONCE))
      const outcomes = await Promise.allSettled(some.map((partition) => this.#takeOne(partition, begun)))
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
      left -= outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value).length
    }
  }

  /** What is taken counts from the beat before it: a store may have leases last as long as their owner's presence. */
  async #takeOne(partition: string, begun: number): Promise<boolean> {
    const { store, holder, clock, member, ttl } = this.#settings
    const token = await store.take(partition, member, ttl)
    if (token === undefined) return false
    const until = begun + ttl
    if (this.#isOver(until, clock.now())) {
      await store.release(partition, member, token).catch(() => undefined) // it ends by itself
      return false
    }
    this.#held.set(partition, { token, until, leaving: false })
    this.#watchOut()
    holder.taken(partition, token)
    if (this.#stopping !== undefined) this.#giveBack(partition)
    return true
  }

  /** Its holder may need a while to finish; it is renewed meanwhile. */
  #giveBack(partition: string): void {
    const held = this.#held.get(partition)
    if (held === undefined || held.leaving) return
    held.leaving = true
    const { store, holder, member } = this.#settings
    void holder.revoked(partition, false).then(async () => {
      if (this.#held.get(partition) !== held) return
      this.#held.delete(partition)
      await store.release(partition, member, held.token).catch(() => undefined) // it ends by itself
      this.#finish()
    })
  }

  #finish(): void {
    if (this.#held.size === 0) this.#stopping?.()
  }

  /** It cannot be renewed in time any more. */
  #isOver(until: number, now: number): boolean {
    return until - this.#settings.ttl * MARGIN <= now
  }

  #watchOut(): void {
    const { clock, ttl } = this.#settings
    const first = Math.min(...[...this.#held.values()].map(({ until }) => until))
    if (this.#held.size === 0) this.#watch.stop()
    else this.#watch.start(Math.max(0, first - ttl * MARGIN - clock.now()))
  }

  /** What could not be renewed in time may be somebody else's soon. */
  #expire(): void {
    const now = this.#settings.clock.now()
    for (const [partition, { until }] of [...this.#held]) if (this.#isOver(until, now)) this.lose(partition)
    this.#watchOut()
  }
}
