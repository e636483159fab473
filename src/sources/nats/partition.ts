import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import type { Message, PartitionLag } from '../../consume/source.ts'
import type { Clock } from '../../support/clock.ts'
import { type Cursor, consumerInfo, GoneError, type Opened } from './cursor.ts'
import { Handed } from './handed.ts'
import { messageOf, sequenceOf } from './message.ts'
import { type Delivered, Pull } from './pull.ts'

export interface PartitionSettings {
  readonly connection: NatsConnection
  readonly manager: JetStreamManager
  readonly clock: Clock
  readonly apiPrefix: string
  readonly stream: string
  /** The subject of the partition. */
  readonly subject: string
  readonly fetchSize: number
  readonly fetchBytes: number
  /** 0: any number */
  readonly maxDeliveries: number
}

/** Whom a partition tells. None of it rejects. */
export interface PartitionHost {
  deliver(messages: readonly Message[]): Promise<void>
  /** Puts aside a message that no owner survived. */
  /** Whether it is put aside now. */
  bury(message: Message, tries: number): Promise<boolean>
  trouble(error: Error | undefined): void
  /** Somebody else seems to have it. */
  gone(): void
}

/** Before it is tried again, in ms: doubled each time. */
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5_000
/** What was well for this long, in ms, has not failed in a row. */
const LASTED = 5_000

/** Reads one partition for as long as it is ours: in order, each message once, whatever becomes of the connection. */
export class OwnedPartition {
  readonly #settings: PartitionSettings
  readonly #host: PartitionHost
  readonly #cursor: Cursor
  readonly #handed = new Handed()
  #handedTo: number
  /** The last that came in, handed over or not. */
  #accepted: number
  #pull: Pull | undefined
  #consumer: string | undefined
  /** The first message is one that nobody survived. */
  #isCondemned = false
  #failures = 0
  #openedAt = Number.POSITIVE_INFINITY
  #isStopped = false
  /** Ends the wait for the host, which may take no more as the partition is being given back. */
  #goOn: (() => void) | undefined
  #wake: (() => void) | undefined
  readonly #reading: Promise<void>

  /** @param cursor made for a partition that goes on behind `handedTo` */
  constructor(
    settings: PartitionSettings,
    host: PartitionHost,
    after: number,
    cursor: (self: OwnedPartition) => Cursor,
  ) {
    this.#settings = settings
    this.#host = host
    this.#handedTo = this.#accepted = after
    this.#cursor = cursor(this)
    this.#reading = this.#read()
  }

  /** The sequence behind which it goes on. */
  get handedTo(): number {
    return this.#handedTo
  }

  /** What was on its way over a connection that is gone may be lost: all behind what was handed over comes again. */
  reopen(why: Error): void {
    this.#pull?.break(why)
    this.#wake?.()
    this.#handed.wake()
  }

  async acknowledge(messages: readonly Message[]): Promise<void> {
    const last = messages.at(-1)
    if (last === undefined) return
    try {
      await this.#cursor.acknowledge(sequenceOf(last.position))
    } catch (error) {
      if (error instanceof GoneError) this.#host.gone()
      throw error
    }
    this.#handed.acknowledged(sequenceOf(last.position))
  }

  async lag(): Promise<PartitionLag> {
    const info = this.#consumer === undefined ? undefined : await consumerInfo(this.#settings, this.#consumer)
    const messages = (info?.num_pending ?? 0) + this.#handed.count + (this.#pull?.waiting ?? 0)
    if (messages === 0) return { messages, seconds: 0 }
    const oldest = this.#handed.oldest ?? this.#pull?.oldest ?? (await this.#timeOfNext())
    return { messages, seconds: oldest === undefined ? undefined : Math.max(0, (Date.now() - oldest) / 1000) }
  }

  /** Nothing more is handed over. */
  stop(): void {
    this.#isStopped = true
    this.#goOn?.()
    this.reopen(new Error('the partition is ours no longer'))
  }

  /** @param released nothing of it is in flight any more */
  async close(released: boolean): Promise<void> {
    this.stop()
    await this.#reading
    await this.#cursor.close(released)
  }

  async #read(): Promise<void> {
    for (let again = false; !this.#isStopped; again = true) {
      try {
        await this.#readOnce(again)
      } catch (error) {
        if (!this.#isStopped) await this.#failed(error as Error)
      } finally {
        this.#pull?.break(new Error('over'))
        this.#pull = undefined
      }
    }
  }

  async #readOnce(again: boolean): Promise<void> {
    const opened = await this.#cursor.open(again)
    if (this.#isStopped) return
    this.#consumer = opened.consumer
    this.#openedAt = this.#settings.clock.now()
    this.#accepted = this.#handedTo
    const pull = new Pull({
      ...this.#settings,
      consumer: opened.consumer,
      wants: (delivered) => this.#wants(delivered),
    })
    this.#pull = pull
    if (this.#failures > 0) this.#host.trouble(undefined)
    const { maxDeliveries } = this.#settings
    if (!again) this.#isCondemned = maxDeliveries > 0 && opened.tries >= maxDeliveries
    for (;;) {
      const delivered = await pull.take()
      this.#failures = 0
      await this.#hand(delivered, opened)
    }
  }

  /** What broke after it had worked is tried again at once; what does not work is told, and tried later. */
  async #failed(error: Error): Promise<void> {
    if (error instanceof GoneError) {
      this.#isStopped = true
      return this.#host.gone()
    }
    if (this.#settings.clock.now() - this.#openedAt > LASTED) this.#failures = 0
    this.#openedAt = Number.POSITIVE_INFINITY
    if (this.#failures++ === 0) return
    this.#host.trouble(error)
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(this.#failures, 10))
    await new Promise<void>((resolve) => {
      const timer = this.#settings.clock.timer(resolve)
      this.#wake = () => {
        timer.stop()
        resolve()
      }
      timer.start(pause)
    })
    this.#wake = undefined
  }

  #wants(delivered: Delivered): boolean {
    this.#cursor.received(delivered)
    if (delivered.sequence <= this.#accepted) return false
    this.#accepted = delivered.sequence
    return true
  }

  /** Those that somebody vanished over, as far as one can tell, come one by one. */
  async #hand(delivered: readonly Delivered[], opened: Opened): Promise<void> {
    const { maxDeliveries } = this.#settings
    const { suspectsTo, tries } = opened
    const isSuspect = ({ sequence }: Delivered) =>
      maxDeliveries > 0 && tries >= maxDeliveries - 1 && sequence <= suspectsTo
    const suspects = delivered.filter(isSuspect)
    const isOver = () => this.#isStopped || (this.#pull?.isBroken ?? true)
    for (const one of suspects) {
      if (isOver()) return // what is left comes again
      if (this.#isCondemned) await this.#bury(one, tries)
      else await this.#handOver([one], opened)
      await this.#handed.until(one.sequence, isOver)
    }
    const others = delivered.slice(suspects.length)
    if (others.length > 0) await this.#handOver(others, opened)
  }

  async #handOver(delivered: readonly Delivered[], { handedOutTo, tries }: Opened): Promise<void> {
    if (this.#isStopped) return
    const last = delivered.at(-1)!.sequence
    this.#handedTo = last
    this.#handed.add({ last, count: delivered.length, time: delivered[0]!.time })
    const before = (sequence: number) => (sequence <= handedOutTo ? Math.max(1, tries) : 0)
    const delivering = this.#host.deliver(delivered.map((one) => messageOf(one, before(one.sequence))))
    await new Promise<void>((resolve) => {
      this.#goOn = resolve
      void delivering.then(resolve, resolve)
    })
  }

  async #bury(delivered: Delivered, tries: number): Promise<void> {
    const message = messageOf(delivered, tries)
    if (!(await this.#host.bury(message, tries))) return
    this.#isCondemned = false
    this.#handedTo = delivered.sequence
    await this.acknowledge([message])
  }

  async #timeOfNext(): Promise<number | undefined> {
    const { manager, stream, subject } = this.#settings
    const query = { seq: this.#handedTo + 1, next_by_subj: subject } // its types know one or the other
    const next = await manager.streams.getMessage(stream, query)
    return next?.time.getTime()
  }
}
