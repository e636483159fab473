import { randomBytes } from 'node:crypto'
import { type JetStreamManager, jetstreamManager, RetentionPolicy, type StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import type { DeadLetterReason, Message, PartitionLag, Source, SourceHost, SourceMode } from '../../consume/source.ts'
import { OptionError } from '../../support/batchflow-error.ts'
import { systemClock } from '../../support/clock.ts'
import { LeaseKeeper } from '../kit/lease-keeper.ts'
import { memberName } from '../kit/leases.ts'
import { AcknowledgedCursor } from './acknowledged-cursor.ts'
import type { Cursor, Place } from './cursor.ts'
import { DeadLetters } from './dead-letters.ts'
import { DisconnectedError } from './errors.ts'
import { Keys } from './keys.ts'
import { NatsLeases } from './lease-store.ts'
import { endingRequests, Link } from './link.ts'
import { comparePositions, sequenceOf } from './message.ts'
import { consumerName, partitionsOf, subjectOf } from './names.ts'
import { type NatsSourceOptions, natsConnection, type SourceSettings, sourceSettings } from './options.ts'
import { OwnedPartition } from './partition.ts'
import { PositionCursor } from './position-cursor.ts'
import { streamFor } from './streams.ts'
import { Troubles } from './troubles.ts'

/** What stands once the stream was reached. */
interface Running {
  readonly host: SourceHost
  readonly mode: SourceMode
  readonly manager: JetStreamManager
  readonly retention: RetentionPolicy
  readonly troubles: Troubles
  readonly keeper: LeaseKeeper
  readonly keys: Keys
  readonly link: Link
}

/** A stream of NATS JetStream as a source. */
export class NatsSource implements Source {
  readonly name = 'nats'
  readonly system = 'nats'
  readonly destination: string
  /** A partition has one owner, and what was delivered before comes again in its place: see `AcknowledgedCursor`. */
  readonly ordered = true
  readonly #connection: NatsConnection
  readonly #settings: SourceSettings
  readonly #owned = new Map<string, OwnedPartition>()
  /** Tokens of the leases of partitions that are ours. */
  readonly #tokens = new Map<string, number>()
  /** What still comes to its end in partitions that are not, or were not for a while. */
  readonly #closing = new Map<string, Promise<void>>()
  readonly #deadLetters: DeadLetters
  #running: Running | undefined
  #identity: string | undefined

  constructor(connection: NatsConnection, options: NatsSourceOptions) {
    this.#connection = endingRequests(natsConnection('nats: connection', connection))
    this.#settings = sourceSettings(options)
    this.destination = this.#settings.subject
    this.#deadLetters = new DeadLetters(this.#connection, this.#settings)
  }

  /** When the stream was made. */
  get identity(): string | undefined {
    return this.#identity
  }

  async reaches(_: string, position: string): Promise<boolean> {
    const { state } = await this.#running!.manager.streams.info(this.#settings.stream)
    return sequenceOf(position) <= state.last_seq
  }

  compare(a: string, b: string): number {
    return comparePositions(a, b)
  }

  async start(host: SourceHost, mode: SourceMode): Promise<void> {
    if (this.#running !== undefined)
      throw new OptionError('nats: this source is in use already: make one for each worker')
    const { apiPrefix, stream, subject, partitions, create, leaseTime: ttl } = this.#settings
    const manager = await jetstreamManager(this.#connection, { apiPrefix })
    const subjects = partitionsOf(partitions).map((partition) => subjectOf(subject, partition))
    const info = await streamFor(manager, stream, subjects, [`${subject}.*`], create)
    if (mode.position === 'database') this.#refuseForgetful(info)
    this.#identity = info.created
    const troubles = new Troubles((error) => host.trouble(error))
    const keys = this.#keys(manager)
    const keeper = new LeaseKeeper({
      store: new NatsLeases(keys),
      holder: {
        taken: (partition, token) => void this.#taken(partition, token),
        revoked: (partition, lost) => this.#revoked(partition, lost),
        trouble: (error) => troubles.told('leases', error),
      },
      clock: systemClock,
      member: memberName(Date.now(), randomBytes(4).toString('hex')),
      partitions: partitionsOf(partitions),
      ttl,
    })
    const link = new Link(this.#connection, (up) => this.#linked(up))
    this.#running = { host, mode, manager, retention: info.config.retention, troubles, keeper, keys, link }
    try {
      await keeper.start()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async acknowledge(partition: string, messages: readonly Message[]): Promise<void> {
    await this.#owned.get(partition)?.acknowledge(messages)
  }

  deadLetter(partition: string, message: Message, why: DeadLetterReason): Promise<void> {
    return this.#deadLetters.put(partition, message, why)
  }

  async lag(): Promise<ReadonlyMap<string, PartitionLag>> {
    const owned = [...this.#owned]
    const lags = await Promise.all(owned.map(([, partition]) => partition.lag()))
    return new Map(owned.map(([name], index) => [name, lags[index]!]))
  }

  async stop(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    await running.keeper.stop()
    await Promise.all(this.#closing.values())
    running.link.close()
    running.keys.close()
    running.troubles.close()
    this.#running = undefined
  }

  #keys(manager: JetStreamManager): Keys {
    const { bucket, stream, subject, group, create } = this.#settings
    const replicas = (create === false ? undefined : create?.replicas) ?? 1
    return new Keys({
      connection: this.#connection,
      manager,
      bucket,
      replicas,
      prefix: `${stream}.${subject}.${group}.`,
    })
  }

  /** What nobody acknowledges would be gone before it was read, or never go. */
  #refuseForgetful({ config: { name, retention } }: StreamInfo): void {
    if (retention === RetentionPolicy.Limits) return
    throw new OptionError(
      `nats: stream ${JSON.stringify(name)} has retention ${retention}, which counts acknowledgements: with position: 'database' it has to be limits; acks: 'broker' works with each`,
    )
  }

  async #taken(partition: string, token: number): Promise<void> {
    const running = this.#running!
    this.#tokens.set(partition, token)
    await this.#closing.get(partition)
    const position = await running.host.assigned(partition)
    if (this.#tokens.get(partition) !== token) return // taken back meanwhile
    const owned = new OwnedPartition(
      this.#place(partition, running),
      this.#partitionHost(partition, running),
      sequenceOf(position ?? ''),
      (self) => this.#cursor(partition, running, self),
    )
    this.#owned.set(partition, owned)
  }

  async #revoked(partition: string, lost: boolean): Promise<void> {
    const { host, troubles } = this.#running!
    const owned = this.#owned.get(partition)
    this.#tokens.delete(partition)
    owned?.stop()
    const closing = lost ? this.#close(partition, owned, false) : undefined // it may be ours again at any moment
    await host.revoked(partition, lost)
    troubles.told(partition, undefined)
    await (closing ?? this.#close(partition, owned, true))
  }

  /** @param released what was handed over is settled and acknowledged */
  async #close(partition: string, owned: OwnedPartition | undefined, released: boolean): Promise<void> {
    if (owned === undefined) return
    if (this.#owned.get(partition) === owned) this.#owned.delete(partition)
    const closing = owned.close(released).catch(() => undefined) // its next owner goes without
    this.#closing.set(partition, closing)
    await closing
    if (this.#closing.get(partition) === closing) this.#closing.delete(partition)
  }

  #place(partition: string, { manager }: Running) {
    const { subject, ...settings } = this.#settings
    const place = { connection: this.#connection, manager, clock: systemClock, subject: subjectOf(subject, partition) }
    return { ...settings, ...place }
  }

  #cursor(partition: string, { mode, manager, retention }: Running, owned: OwnedPartition): Cursor {
    const { stream, subject, group, from, maxAckPending } = this.#settings
    const place: Place = { manager, stream, subject: subjectOf(subject, partition) }
    const name = consumerName(group, subject, partition)
    if (mode.position === 'database') {
      return new PositionCursor({ ...place, name, created: this.#identity!, after: () => owned.handedTo })
    }
    return new AcknowledgedCursor({ ...place, connection: this.#connection, name, from, retention, maxAckPending })
  }

  #partitionHost(partition: string, { host, troubles, keeper }: Running) {
    return {
      deliver: (messages: readonly Message[]) => host.deliver(partition, messages),
      bury: (message: Message, tries: number) =>
        host.poisoned(partition, message, {
          reason: 'max_deliveries',
          message: `${tries} owners of its partition ended while they had it`,
        }),
      trouble: (error: Error | undefined) => troubles.told(partition, error),
      gone: () => keeper.lose(partition),
    }
  }

  #linked(up: boolean): void {
    const isClosed = this.#connection.isClosed()
    this.#running?.troubles.told('connection', up ? undefined : new DisconnectedError(isClosed))
    if (!up) return
    this.#running?.keys.close() // it may have missed something; the next beat listens anew
    for (const owned of this.#owned.values()) owned.reopen(new DisconnectedError())
  }
}
