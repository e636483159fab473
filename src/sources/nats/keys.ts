import { AckPolicy, DeliverPolicy, DiscardPolicy, type JetStreamManager } from '@nats-io/jetstream'
import { createInbox, type Msg, type NatsConnection, nanos } from '@nats-io/transport-node'
import { DisconnectedError, isMissingStream, isNameInUse } from './errors.ts'
import { inboxPrefixOf, isUp } from './link.ts'
import { deliveredOf } from './pull.ts'

/** The last value of a key. */
export interface Entry {
  readonly value: string
  /** Its sequence: who writes next says it, and is refused when somebody was faster. */
  readonly sequence: number
  /** When the server got it, ms since 1970 by the server's clock. */
  readonly time: number
}

export interface KeysSettings {
  readonly connection: NatsConnection
  readonly manager: JetStreamManager
  /** A bucket as `nats kv` knows them, made where it is missing. */
  readonly bucket: string
  readonly replicas: number
  /** What all keys begin with, a dot behind it. */
  readonly prefix: string
}

/** How long what was written may take to come back, in ms. */
const PATIENCE = 5_000
/** The server forgets who does not listen any more after this, in ms. */
const INACTIVE = 60_000

/** The keys below a prefix of a bucket, mirrored here: the server tells of each change. */
export class Keys {
  readonly #settings: KeysSettings
  readonly #entries = new Map<string, Entry>()
  #seen = 0
  #delivery = 0
  #unsubscribe: (() => void) | undefined
  #waiting: (() => void) | undefined

  constructor(settings: KeysSettings) {
    this.#settings = settings
  }

  /** As of the last {@link put} that has come back. */
  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries
  }

  /**
   * Writes a value; resolves with its sequence.
   *
   * @param expected the sequence of the last value, 0 where there is none
   * @throws an error for which `isOutdated` holds when it is another one
   */
  async put(key: string, value: string, expected?: number): Promise<number> {
    const { connection, manager } = this.#settings
    if (!isUp(connection)) throw new DisconnectedError(connection.isClosed())
    const options = expected === undefined ? {} : { expect: { lastSubjectSequence: expected } }
    const { seq } = await manager.jetstream().publish(this.#subject(key), value, options)
    return seq
  }

  /** Resolves when everything up to `sequence` is mirrored. */
  async caughtUp(sequence: number): Promise<void> {
    if (this.#seen >= sequence) return
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => this.close(), PATIENCE) // the next one listens anew
      this.#waiting = () => {
        if (this.#seen < sequence && this.#unsubscribe !== undefined) return
        clearTimeout(timer)
        if (this.#seen >= sequence) resolve()
        else reject(new Error(`bucket ${this.#settings.bucket} did not tell of its own changes`))
      }
    })
  }

  async remove(key: string): Promise<void> {
    this.#entries.delete(key)
    const { manager, bucket } = this.#settings
    await manager.streams.purge(`KV_${bucket}`, { filter: this.#subject(key) })
  }

  /** Listens, unless it does already. */
  async open(): Promise<void> {
    if (this.#unsubscribe !== undefined) return
    const { connection, manager, bucket, prefix } = this.#settings
    await this.#bucket()
    const inbox = createInbox(inboxPrefixOf(connection))
    const subscription = connection.subscribe(inbox, { callback: (error, message) => this.#hear(error, message) })
    this.#unsubscribe = () => subscription.unsubscribe()
    this.#seen = this.#delivery = 0
    this.#entries.clear()
    try {
      await manager.consumers.add(`KV_${bucket}`, {
        deliver_subject: inbox,
        deliver_policy: DeliverPolicy.LastPerSubject,
        ack_policy: AckPolicy.None,
        filter_subject: `$KV.${bucket}.${prefix}>`,
        inactive_threshold: nanos(INACTIVE),
        mem_storage: true,
        num_replicas: 1,
      })
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Listens no more. */
  close(): void {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#waiting?.()
  }

  #hear(error: Error | null, message: Msg): void {
    if (error !== null) return void this.close()
    const delivered = deliveredOf(message)
    if (delivered === undefined) return
    if (delivered.delivery !== ++this.#delivery) return void this.close()
    const key = message.subject.slice(this.#subject('').length)
    this.#entries.set(key, { value: message.string(), sequence: delivered.sequence, time: delivered.time })
    this.#seen = delivered.sequence
    this.#waiting?.()
  }

  #subject(key: string): string {
    return `$KV.${this.#settings.bucket}.${this.#settings.prefix}${key}`
  }

  async #bucket(): Promise<void> {
    const { manager, bucket, replicas } = this.#settings
    const name = `KV_${bucket}`
    try {
      await manager.streams.info(name)
    } catch (error) {
      if (!isMissingStream(error)) throw error
      await manager.streams
        .add({
          name,
          subjects: [`$KV.${bucket}.>`],
          max_msgs_per_subject: 1,
          discard: DiscardPolicy.New,
          allow_rollup_hdrs: true,
          deny_delete: true,
          allow_direct: true,
          num_replicas: replicas,
        })
        .catch((error) => {
          if (!isNameInUse(error)) throw error
        })
    }
  }
}
