import { AckPolicy, type ConsumerInfo, DeliverPolicy, RetentionPolicy } from '@nats-io/jetstream'
import { type NatsConnection, nanos } from '@nats-io/transport-node'
import { AckLedger } from './ack-ledger.ts'
import { addConsumer, type Cursor, consumerInfo, GoneError, type Opened, type Place, removeConsumer } from './cursor.ts'
import type { Delivered } from './pull.ts'

export interface AcknowledgedSettings extends Place {
  readonly connection: NatsConnection
  /** Its two consumers, `<name>-a` and `<name>-b`, take turns. */
  readonly name: string
  /** Where to begin when nobody has yet. */
  readonly from: 'beginning' | 'end'
  readonly retention: RetentionPolicy
  /** Messages that may be delivered and not acknowledged. */
  readonly maxAckPending: number
}

/** What is written beside a consumer, in its description. */
interface Note {
  /** The sequence up to which all was acknowledged when it was made. */
  readonly from: number
  /** What the first of the owners that vanished one after the other had in hand. */
  readonly to: number
  /** How many of them did, before what it had was settled. */
  readonly tries: number
  readonly released?: boolean
}

/**
 * How long JetStream waits before it delivers again what is not acknowledged: longer than anybody is in doubt about who owns a
 * partition. A live owner knows what it holds, and of a dead one its successor begins anew; in between a redelivery would only
 * cost, so nothing needs to be kept alive.
 */
const ACK_WAIT = 3_600_000

/**
 * JetStream remembers what was acknowledged, as the acknowledgement floor of a durable consumer (`ack_policy: all`).
 *
 * A durable consumer alone does not keep the order when its reader changes: new messages come before those the old reader left,
 * until `ack_wait` is over for each of them, with `pinned_client` (2.11) as well. So whoever takes a partition over makes a new
 * consumer that starts behind the floor of the old one, then removes the old one: the floor is never in neither, and a reader
 * that is believed dead gets nothing more.
 */
export class AcknowledgedCursor implements Cursor {
  readonly #settings: AcknowledgedSettings
  #current: string | undefined
  #note: Note = { from: 0, to: 0, tries: 0 }
  #ledger: AckLedger | undefined

  constructor(settings: AcknowledgedSettings) {
    this.#settings = settings
  }

  async open(again: boolean): Promise<Opened> {
    const consumers = [`${this.#settings.name}-a`, `${this.#settings.name}-b`] as const
    const found = await Promise.all(consumers.map((name) => consumerInfo(this.#settings, name)))
    if (again && !found.some((info) => info?.name === this.#current)) throw new GoneError(this.#current ?? consumers[0])
    const [first, second] = found
    const old = floorOf(second) > floorOf(first) ? second : first
    const floor = old === undefined ? await this.#begin() : floorOf(old)
    const note = noteAfter(old, floor, again)
    const name = old?.name === consumers[0] ? consumers[1] : consumers[0]
    await removeConsumer(this.#settings, name)
    // A work queue takes one consumer of a subject, and holds nothing that was acknowledged.
    const isQueue = this.#isQueue
    if (isQueue && old !== undefined) await removeConsumer(this.#settings, old.name)
    await this.#add(name, note, isQueue ? 0 : floor)
    if (!isQueue && old !== undefined) await removeConsumer(this.#settings, old.name)
    this.#ledger?.fail(new Error('the consumer was made anew'))
    this.#ledger = new AckLedger(this.#settings.connection, name, floor, isQueue)
    this.#current = name
    this.#note = note
    return { consumer: name, handedOutTo: old?.delivered.stream_seq ?? 0, suspectsTo: note.to, tries: note.tries }
  }

  received({ sequence, reply }: Delivered): void {
    this.#ledger?.received(sequence, reply)
  }

  async acknowledge(sequence: number): Promise<void> {
    await this.#ledger?.acknowledge(sequence)
  }

  async close(released: boolean): Promise<void> {
    this.#ledger?.fail(new Error('the partition was given back'))
    const { manager, stream } = this.#settings
    if (!released || this.#current === undefined) return
    await manager.consumers.update(stream, this.#current, { description: textOf({ ...this.#note, released }) })
  }

  get #isQueue(): boolean {
    return this.#settings.retention === RetentionPolicy.Workqueue
  }

  async #begin(): Promise<number> {
    const { manager, stream, from } = this.#settings
    return from === 'end' ? (await manager.streams.info(stream)).state.last_seq : 0
  }

  async #add(name: string, note: Note, floor: number): Promise<void> {
    await addConsumer(this.#settings, {
      durable_name: name,
      description: textOf(note),
      ack_policy: this.#isQueue ? AckPolicy.Explicit : AckPolicy.All,
      ack_wait: nanos(ACK_WAIT),
      max_ack_pending: this.#settings.maxAckPending,
      ...(floor === 0
        ? { deliver_policy: DeliverPolicy.All }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: floor + 1 }),
    })
  }
}

/** A consumer that nobody has acknowledged anything to has no floor of its own yet: it is what it started behind. */
function floorOf(info: ConsumerInfo | undefined): number {
  if (info === undefined) return -1
  return Math.max(info.ack_floor.stream_seq, (info.config.opt_start_seq ?? 1) - 1, noteOf(info).from)
}

/** What the successor of `old` knows. */
function noteAfter(old: ConsumerInfo | undefined, floor: number, again: boolean): Note {
  if (old === undefined) return { from: floor, to: 0, tries: 0 }
  const { to, tries, released } = noteOf(old)
  const vanished = released || again ? 0 : 1
  if (floor < to) return { from: floor, to, tries: tries + vanished }
  const had = old.delivered.stream_seq
  return vanished === 1 && floor < had ? { from: floor, to: had, tries: 1 } : { from: floor, to: 0, tries: 0 }
}

function noteOf({ config }: ConsumerInfo): Note {
  try {
    const { from, to, tries, released } = JSON.parse(config.description ?? '') as Note
    return { from: Number(from) || 0, to: Number(to) || 0, tries: Number(tries) || 0, released: released === true }
  } catch {
    return { from: 0, to: 0, tries: 0 }
  }
}

function textOf(note: Note): string {
  return JSON.stringify(note)
}
