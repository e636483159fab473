import { randomUUID } from 'node:crypto'
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import { addConsumer, type Cursor, type Opened, type Place, removeConsumer } from './cursor.ts'

export interface PositionSettings extends Place {
  /** What the names of its consumers begin with. */
  readonly name: string
  /** When the stream was made that positions are of. */
  readonly created: string
  /** The sequence behind which to read now. */
  readonly after: () => number
}

/** A consumer whose reader is gone is removed by the server after this, in ms. */
const INACTIVE = 300_000

/** The database remembers what was read: consumers without acknowledgements, each read once, in memory. */
export class PositionCursor implements Cursor {
  readonly #settings: PositionSettings
  #current: string | undefined

  constructor(settings: PositionSettings) {
    this.#settings = settings
  }

  async open(): Promise<Opened> {
    const after = this.#settings.after()
    await this.#refuseBeyondEnd(after)
    await this.close()
    const consumer = `${this.#settings.name}-${randomUUID().slice(0, 8)}`
    await addConsumer(this.#settings, {
      name: consumer,
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
      inactive_threshold: nanos(INACTIVE),
      mem_storage: true,
      num_replicas: 1,
    })
    this.#current = consumer
    return { consumer, handedOutTo: 0, suspectsTo: 0, tries: 0 }
  }

  received(): void {}

  async acknowledge(): Promise<void> {}

  async close(): Promise<void> {
    const before = this.#current
    this.#current = undefined
    if (before !== undefined) await removeConsumer(this.#settings, before).catch(() => undefined) // it ends by itself
  }

  /** Sequences begin anew with a stream; those below the position would be skipped in silence. */
  async #refuseBeyondEnd(after: number): Promise<void> {
    const { manager, stream, created } = this.#settings
    const { state, created: now } = await manager.streams.info(stream)
    if (now !== created) throw new Error(`stream ${stream} was made anew at ${now}: start the worker anew to read it`)
    if (after <= state.last_seq) return
    throw new Error(
      `the database stands at ${after} of stream ${stream}, which ends at ${state.last_seq}: it is another one of that name; remove the position of the old one, or name the stream otherwise`,
    )
  }
}
