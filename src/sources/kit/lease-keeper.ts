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
    return this.#held.get(partition)?.token
  }

  /** The first look around. Rejects when the store cannot be reached; then nothing was begun. */
  async start(): Promise<void> {
    await this.#lookAround()
    this.#beat.start(this.#pause)
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
    this.#beat.start(this.#pause)
  }

  #told(error: Error | undefined): void {
    if (error === undefined && !this.#isInTrouble) return
    this.#isInTrouble = error !== undefined
    this.#settings.holder.trouble(error)
  }

  async #lookAround(): Promise<void> {
    const { store, clock, member, partitions, ttl } = this.#settings
    const begun = clock.now()
    const before = this.held
    const view = await store.beat(member, before, ttl)
    const leaving = new Set([...this.#held].filter(([, { leaving }]) => leaving).map(([partition]) => partition))
    const asked = [...before].filter(([partition, token]) => this.tokenOf(partition) === token).map(([name]) => name)
    const { lost, surplus, free, room } = movesOf(member, partitions, view, asked, leaving)
    for (const partition of lost) this.lose(partition)
    for (const partition of asked) this.#renewed(partition, begun)
    if (this.#stopping === undefined) {
      for (const partition of surplus) this.#giveBack(partition)
      await this.#take(free, room)
    }
    this.#watchOut()
  }

  #renewed(partition: string, begun: number): void {
    const held = this.#held.get(partition)
    if (held !== undefined) held.until = begun + this.#settings.ttl
  }

  async #take(free: readonly string[], room: number): Promise<void> {
    const { store, holder, clock, member, ttl } = this.#settings
    let left = room
    for (const partition of free) {
      if (left === 0 || this.#stopping !== undefined) return
      if (this.#held.has(partition)) continue
      const begun = clock.now()
      const token = await store.take(partition, member, ttl)
      if (token === undefined) continue
      left--
      this.#held.set(partition, { token, until: begun + ttl, leaving: false })
      this.#watchOut()
      holder.taken(partition, token)
      if (this.#stopping !== undefined) this.#giveBack(partition)
    }
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

  #watchOut(): void {
    const { clock, ttl } = this.#settings
    const first = Math.min(...[...this.#held.values()].map(({ until }) => until))
    if (this.#held.size === 0) this.#watch.stop()
    else this.#watch.start(Math.max(0, first - ttl * MARGIN - clock.now()))
  }

  /** What could not be renewed in time may be somebody else's soon. */
  #expire(): void {
    const { clock, ttl } = this.#settings
    const now = clock.now()
    for (const [partition, { until }] of [...this.#held]) if (until - ttl * MARGIN <= now) this.lose(partition)
    this.#watchOut()
  }
}
