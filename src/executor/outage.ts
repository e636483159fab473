import type { Driver } from '../contract/driver.ts'
import type { Outage } from '../contract/metrics-reporter.ts'
import type { Reason } from '../contract/reasons.ts'
import type { Clock, Timer } from '../support/clock.ts'
import { Guard } from '../support/guard.ts'
import { judge, type Verdict, wordsOf } from './classify.ts'
import { warnOfOutage } from './outage-warning.ts'
import { backoff, type RetryPolicy } from './retry.ts'
import { timed } from './time-limit.ts'

/** How long a database may take to give a sign of life, in ms, and how many looks at it may be under way at once. */
const PATIENCE = 5000
const MOST_LOOKS = 5
/** An outage that begins so soon after another, in ms, is the same one to those who look for its end. */
const CALM = 10_000

/** An outage that is over. */
export interface EndedOutage extends Outage {
  /** ms */
  readonly duration: number
  /** How often the database was asked whether it is back. */
  readonly looks: number
}

/** Hears when an outage begins and ends. */
export interface OutageObserver {
  began(outage: Outage): void
  ended(outage: EndedOutage): void
}

/** Who waits for the database to come back. Two of its methods may be called, once: one of them ends the wait. */
export interface Waiting {
  readonly clock: Clock
  /** The database is back, or this one is to find out; then it has to tell the gate. */
  go(): void
  /** The outage has lasted too long. */
  giveUp(verdict: Verdict): void
}

interface Ongoing {
  readonly outage: Outage
  verdict: Verdict
  /** When it began, by the clock of who met it. */
  readonly began: number
  looks: number
  /** How often the time between two looks was doubled. */
  slowness: number
  /** How many batches were tried in vain. */
  inVain: number
  /** How many looks there had been when each came. */
  readonly met: WeakMap<Waiting, number>
}

/**
 * Stands between an executor's batches and a database that takes none. While it is closed no batch is tried but one at a
 * time, when the database has given a sign of life; the others wait, and with them the rows behind them.
 */
export class Gate {
  /** Outages begun, by reason. */
  readonly outages = new Map<Reason, number>()
  readonly #driver: Driver
  readonly #retry: RetryPolicy
  readonly #onRoom: () => void
  readonly #observers = new Set<OutageObserver>()
  readonly #guard = new Guard('who watches for outages threw')
  /** The database was reached before, so that it is no slip of the pen when it cannot be reached. */
  #isKnown = false
  #ongoing: Ongoing | undefined
  /** How far looks had slowed down, and when the last outage ended. */
  #calm = { looks: 0, at: Number.NEGATIVE_INFINITY }
  /** Those for whom another opened the gate. */
  readonly #passedBy = new WeakSet<Waiting>()
  /** Those who wait, the longest first. */
  readonly #waiting = new Set<Waiting>()
  #trial: Waiting | undefined
  readonly #looks = new Set<AbortController>()
  #timer: Timer | undefined

  /** @param onRoom called when another batch may come */
  constructor(driver: Driver, retry: RetryPolicy, onRoom: () => void) {
    this.#driver = driver
    this.#retry = retry
    this.#onRoom = onRoom
  }

  get outage(): Outage | undefined {
    return this.#ongoing?.outage
  }

  get isClosed(): boolean {
    return this.#ongoing !== undefined
  }

  /**
   * Another batch may come: the gate is open, or those who wait could not open it. One of another table may, when it is a
   * single table that is full.
   */
  get admits(): boolean {
    if (this.#ongoing === undefined) return true
    return this.#trial === undefined && this.#waiting.size <= this.#ongoing.inVain
  }

  /** @returns takes it back */
  watch(observer: OutageObserver): () => void {
    this.#observers.add(observer)
    return () => void this.#observers.delete(observer)
  }

  /** The database does not take the batch of `who`. @returns false: it took others meanwhile, so `who` alone has to wait */
  close(verdict: Verdict, clock: Clock, who: Waiting): boolean {
    if (this.#ongoing === undefined) {
      if (this.#passedBy.has(who)) return false
      this.#begin(verdict, clock)
      return true
    }
    this.#ongoing.verdict = verdict
    if (who !== this.#trial) return true
    this.#trial = undefined
    this.#ongoing.inVain++
    this.#onRoom()
    return true
  }

  /** The database took a batch, or refused it for its own sake. */
  open(who: Waiting, clock: Clock): void {
    this.#isKnown = true
    if (who !== this.#trial) return
    this.#trial = undefined
    if (this.#ongoing !== undefined) this.#end(this.#ongoing, clock)
  }

  /** One of its methods will be called, unless it leaves. */
  wait(who: Waiting): void {
    if (this.#ongoing === undefined) {
      who.go()
      return
    }
    if (who === this.#trial) this.#trial = undefined // it did not find out
    this.#waiting.add(who)
    const { met, looks } = this.#ongoing
    if (!met.has(who)) met.set(who, looks)
    if (this.#timer === undefined) this.#scheduleLook(who.clock)
  }

  /** It waits no longer, or will not find out what it was let through for. */
  leave(who: Waiting): void {
    this.#waiting.delete(who)
    if (this.#trial === who) this.#trial = undefined
    if (this.#waiting.size === 0) this.#rest()
  }

  /** Whether the database gives a sign of life just now; `true` where it cannot be asked, or where waiting is of no use. */
  async isReachable(clock: Clock, controller = new AbortController()): Promise<boolean> {
    const ping = async (signal: AbortSignal) => this.#driver.ping?.({ signal })
    return timed(ping, { clock, milliseconds: PATIENCE, controller }).then(
      () => true,
      (error) => judge(error, undefined, this.#driver).reason === 'non_retryable', // the client was ended: a batch will say so
    )
  }

  #begin(verdict: Verdict, clock: Clock): void {
    const { reason, code } = verdict
    const outage: Outage = Object.freeze({ since: Date.now(), reason, code, message: wordsOf(verdict) })
    const began = clock.now()
    const isSame = began - this.#calm.at < CALM
    this.#ongoing = {
      outage,
      verdict,
      began,
      looks: 0,
      slowness: isSame ? this.#calm.looks : 0,
      inVain: 0,
      met: new WeakMap(),
    }
    this.outages.set(reason, (this.outages.get(reason) ?? 0) + 1)
    if (!this.#isKnown) warnOfOutage(this.#driver, outage, this.#retry.maxOutage)
    for (const observer of this.#observers) this.#guard.run(() => observer.began(outage))
  }

  #end({ outage, began, looks, slowness }: Ongoing, clock: Clock): void {
    const now = clock.now()
    this.#ongoing = undefined
    this.#calm = { looks: slowness, at: now }
    this.#rest()
    const ended = { ...outage, duration: now - began, looks }
    for (const observer of this.#observers) this.#guard.run(() => observer.ended(ended))
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const who of waiting) {
      this.#passedBy.add(who)
      who.go()
    }
    this.#onRoom()
  }

  #rest(): void {
    this.#timer?.stop()
    this.#timer = undefined
    for (const look of this.#looks) look.abort(new Error('nobody waits for the answer any more'))
  }

  #scheduleLook(clock: Clock): void {
    this.#timer ??= clock.timer(() => this.#look(clock))
    this.#timer.start(backoff(this.#retry, ++this.#ongoing!.slowness))
  }

  #look(clock: Clock): void {
    const ongoing = this.#ongoing!
    if (this.#trial === undefined) {
      if (clock.now() - ongoing.began >= this.#retry.maxOutage) this.#giveUp(ongoing)
      if (this.#waiting.size === 0) {
        this.#rest()
        return
      }
      if (this.#looks.size < MOST_LOOKS) void this.#ask(ongoing, clock)
    }
    this.#scheduleLook(clock)
  }

  async #ask(ongoing: Ongoing, clock: Clock): Promise<void> {
    ongoing.looks++
    const look = new AbortController()
    this.#looks.add(look)
    const isReachable = this.#driver.ping === undefined || (await this.isReachable(clock, look))
    this.#looks.delete(look)
    if (isReachable && this.#ongoing === ongoing && this.#trial === undefined) this.#tryOne()
  }

  /** The one that has waited longest: one that is tried in vain comes back to the end. */
  #tryOne(): void {
    const [first] = this.#waiting
    if (first === undefined) return
    this.#waiting.delete(first)
    this.#trial = first
    first.go()
  }

  /** Whoever has come since then waits for one look at least, and until it was tried where batches are: others may be at fault. */
  #giveUp({ verdict, looks, met, inVain }: Ongoing): void {
    for (const who of this.#waiting) {
      if (looks <= met.get(who)! + (inVain > 0 ? this.#waiting.size : 0)) continue
      this.#waiting.delete(who)
      who.giveUp(verdict)
    }
  }
}
