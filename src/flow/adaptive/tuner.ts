import type { AdaptiveProbe } from '../../contract/metrics-reporter.ts'
import type { OutageObserver } from '../../executor/outage.ts'
import type { Batch } from '../../lanes/batch.ts'
import type { Clock } from '../../support/clock.ts'
import type { AdaptiveSettings } from './options.ts'
import { Pace } from './pace.ts'
import { type Answer, type Question, type Search, search } from './search.ts'
import type { Setting } from './steps.ts'

/** What the tuner asks of its flow. */
export interface TunerHost {
  /** Rows wait for room: whatever is slow, it is not who submits them. */
  readonly full: boolean
  /** Makes batches so from now on. */
  apply(setting: Setting): void
}

/** A batch that holds a slot. */
export interface Flight {
  /** How many began before it. */
  readonly number: number
  /** When it began (ms), and how much batch time (ms × batches) had passed by then. */
  readonly at: number
  readonly area: number
}

/** A measurement has so many batches at least, and so many for each that runs at once, and takes so long (ms). */
const BATCHES = 32
const BATCHES_EACH = 4
const DURATION = 100
/** The part of the slots in use from which on they count for the pace: not all, as whoever submits has to keep up, too. */
const BUSY = 0.75
/** So many times as many batches that tell nothing end a trial: what it asks for cannot be had. */
const IN_VAIN = 2

/**
 * Learns from the batches of a flow how large they should be, and how many should run at once. By Little's law each of them
 * tells the pace of the flow: its rows, times the batches that ran beside it, by the time it took.
 *
 * Only those tell that were limited by the database: full ones, or such as left under pressure, while most slots were in use or
 * rows waited for room. Batches that left by the clock, that had bad rows or were tried again, and all that an outage met tell
 * nothing.
 */
export class Tuner implements AdaptiveProbe, OutageObserver {
  readonly #clock: Clock
  readonly #host: TunerHost
  readonly #search: Search
  #question: Question
  /** What is in force but for trials. */
  #decided: Setting
  #pace = new Pace()
  /** When the first batch of this measurement ended (ms). */
  #since: number | undefined
  /** Batches of this measurement that told nothing. */
  #silent = 0
  /** Batches with a lower number began before this measurement; this many after it still met those. */
  #first = 0
  #early = 0
  #begun = 0
  /** Batches under way, and the batch time up to `#at`. */
  #running = 0
  #area = 0
  #at = 0

  constructor(start: Setting, bounds: AdaptiveSettings, clock: Clock, host: TunerHost) {
    this.#clock = clock
    this.#host = host
    this.#decided = start
    this.#search = search(start, bounds)
    this.#question = this.#search.next().value
    this.#measure()
  }

  get flushSize(): number {
    return this.#decided.flushSize
  }

  get concurrency(): number {
    return this.#decided.concurrency
  }

  /** What is in force now, be it for a trial. */
  get setting(): Setting {
    return this.#question.setting
  }

  get #concurrencyNow(): number {
    return this.setting.concurrency
  }

  /** A batch takes its slot. */
  begin(): Flight {
    const { at, area } = this.#pass()
    this.#running++
    return { number: this.#begun++, at, area }
  }

  /** It gives the slot back. @param isClean all of its rows were committed at the first attempt */
  end({ number, ...start }: Flight, batch: Pick<Batch, 'accepted' | 'flushSize' | 'trigger'>, isClean: boolean): void {
    const { at, area } = this.#pass()
    this.#running--
    if (number < this.#first || batch.flushSize !== this.setting.flushSize) return
    const time = at - start.at
    const beside = (area - start.area) / time
    const tells = isClean && time > 0 && isByDemand(batch) && (beside >= BUSY * this.#concurrencyNow || this.#host.full)
    if (!tells) this.#hearNothing()
    else if (this.#early > 0) this.#early--
    else this.#hear(batch.accepted, time / beside, at)
  }

  /** The database takes no batch: what has been measured is put aside, and what is tried with it. */
  began(): void {
    this.#disturb()
  }

  /** It takes batches again: those that met the outage tell nothing. */
  ended(): void {
    this.#disturb()
  }

  #disturb(): void {
    if (this.#question.isTrial) this.#answer('disturbed')
    else this.#measure()
  }

  #hear(rows: number, time: number, at: number): void {
    this.#pace.count(rows, time)
    this.#since ??= at
    const enough = Math.max(BATCHES, BATCHES_EACH * this.#concurrencyNow)
    if (this.#pace.batches >= enough && at - this.#since >= DURATION) this.#answer(this.#pace)
  }

  #hearNothing(): void {
    this.#silent++
    if (!this.#question.isTrial) return
    if (this.#silent >= BATCHES && this.#silent > IN_VAIN * this.#pace.batches) this.#answer('silence')
  }

  #answer(answer: Answer): void {
    const { setting } = this.#question
    this.#question = this.#search.next(answer).value
    if (!this.#question.isTrial) this.#decided = this.setting
    if (this.setting === setting) {
      this.#restart()
      return
    }
    this.#measure()
    this.#host.apply(this.setting)
  }

  /** From the batches on that begin now; as many as run at once still meet those from before. */
  #measure(): void {
    this.#first = this.#begun
    this.#early = this.#concurrencyNow
    this.#restart()
  }

  #restart(): void {
    this.#pace = new Pace()
    this.#since = undefined
    this.#silent = 0
  }

  #pass(): { readonly at: number; readonly area: number } {
    const at = this.#clock.now()
    this.#area += this.#running * (at - this.#at)
    this.#at = at
    return { at, area: this.#area }
  }
}

/** It left because there were rows enough. */
function isByDemand({ trigger }: Pick<Batch, 'trigger'>): boolean {
  return trigger === 'size' || trigger === 'pressure'
}
