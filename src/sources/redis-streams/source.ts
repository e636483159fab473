import { randomBytes } from 'node:crypto'
import { diag } from '@opentelemetry/api'
import type { DeadLetterReason, Message, PartitionLag, Source, SourceHost, SourceMode } from '../../consume/source.ts'
import { LeaseKeeper } from '../kit/lease-keeper.ts'
import { memberName } from '../kit/leases.ts'
import { classify, prefixOf } from './classify.ts'
import type { RedisStreamsClient } from './client.ts'
import { Connection, NotConnectedError } from './connection.ts'
import { DeadLetters } from './dead-letters.ts'
import { compareIds } from './entry.ts'
import { identityAt, reaches } from './identity.ts'
import { Keys } from './keys.ts'
import { type LagReply, lagOf } from './lag.ts'
import { leaseText, RedisLeases } from './lease-store.ts'
import type { RedisStreamsSettings } from './options.ts'
import { Reader } from './reader.ts'
import { FOLLOW, LAG } from './script.ts'
import { Waker } from './waker.ts'

/** Ids in one XACK at most. */
const MOST_ACKS = 1000
/** Between two tries to reach Redis at the start, in ms. */
const PAUSE = 500
/** How long a partition that has nothing rests in a cluster, where one blocking read cannot wait for all, in ms. */
const REST = 20

/** A stream of n partitions, each a stream of Redis, whose owners are told apart by leases. */
export class RedisStreamsSource implements Source {
  readonly name = 'redis-streams'
  readonly system = 'redis'
  readonly destination: string
  readonly ordered = true
  readonly acknowledgesEach = true
  readonly compare = compareIds
  readonly #settings: RedisStreamsSettings
  readonly #keys: Keys
  readonly #connection: Connection
  readonly #waker: Waker | undefined
  readonly #deadLetters: DeadLetters
  readonly #keeper: LeaseKeeper
  readonly #member = memberName(Date.now(), randomBytes(6).toString('hex'))
  readonly #readers = new Map<string, Reader>()
  /** What keeps which partition from being read, or (`''`) leases from being held. */
  readonly #troubles = new Map<string, Error>()
  /** The last message acknowledged of each partition. */
  readonly #floors = new Map<string, string>()
  readonly #rests = new Map<string, () => void>()
  #host!: SourceHost
  #mode: SourceMode = { position: 'source' }
  #isStopped = false
  #isStarted = false
  #identity: string | undefined

  /** @param isCluster where one connection cannot wait for several streams */
  constructor(client: RedisStreamsClient, isCluster: boolean, settings: RedisStreamsSettings) {
    const { stream, partitions, group, leaseTime, clock } = settings
    const names = Array.from({ length: partitions }, (_, i) => String(i))
    this.destination = stream
    this.#settings = settings
    this.#keys = new Keys(stream, group)
    this.#connection = new Connection(client, clock)
    this.#waker = isCluster ? undefined : new Waker(new Connection(client, clock), this.#connection)
    this.#deadLetters = new DeadLetters(this.#connection, this.#keys.dead)
    this.#keeper = new LeaseKeeper({
      store: new RedisLeases(this.#connection, this.#keys, names),
      holder: {
        taken: (partition, token) => this.#taken(partition, token),
        revoked: (partition, lost) => this.#revoked(partition, lost),
        trouble: (error) => this.#trouble('', error),
      },
      clock,
      member: this.#member,
      partitions: names,
      ttl: leaseTime,
    })
  }

  get identity(): string | undefined {
    return this.#identity
  }

  reaches(partition: string, position: string): Promise<boolean> {
    return reaches(this.#connection, this.#keys.partition(partition), position)
  }

  async start(host: SourceHost, mode: SourceMode): Promise<void> {
    if (this.#isStarted) throw new Error('redisStreams: a source is for one worker; make another one')
    this.#isStarted = true
    this.#host = host
    this.#mode = mode
    while (!this.#isStopped) {
      try {
        await this.#connection.open()
        if (mode.position === 'database') await this.#identify()
        await this.#keeper.start()
        return this.#trouble('', undefined)
      } catch (error) {
        const cause = error instanceof NotConnectedError ? (error.cause ?? error) : error
        if (classify(cause)?.reason !== 'connection') throw cause
        this.#trouble('', error as Error)
        await new Promise<void>((resolve) => this.#settings.clock.timer(resolve).start(PAUSE))
      }
    }
  }

  async #identify(): Promise<void> {
    this.#identity = this.#settings.id ?? (await identityAt(this.#connection, this.#keys.identity))
  }

  async acknowledge(partition: string, messages: readonly Message[]): Promise<void> {
    const last = messages.at(-1)?.position
    if (last === undefined) return
    if (this.#mode.position === 'database') await this.#follow(partition, last, messages.length)
    else
      await this.#ack(
        partition,
        messages.map(({ position }) => position),
      )
    if (compareIds(last, this.#floors.get(partition) ?? '') > 0) this.#floors.set(partition, last)
  }

  deadLetter(partition: string, message: Message, why: DeadLetterReason): Promise<void> {
    return this.#deadLetters.put(partition, message, why)
  }

  async lag(): Promise<ReadonlyMap<string, PartitionLag>> {
    const { group } = this.#settings
    const owned = [...this.#readers.keys()]
    const lags = await Promise.all(
      owned.map(async (partition) => {
        const reply = await this.#connection.run(LAG, [this.#keys.partition(partition)], [group]).catch(noStream)
        return [partition, lagOf(reply as LagReply)] as const
      }),
    )
    return new Map(lags)
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    await this.#keeper.stop()
    this.#waker?.stop()
    for (const wake of this.#rests.values()) wake()
    this.#connection.close()
  }

  #taken(partition: string, token: number): void {
    const reader = new Reader(partition, leaseText(this.#member, token), {
      connection: this.#connection,
      keys: this.#keys,
      settings: this.#settings,
      host: this.#host,
      mode: this.#mode,
      clock: this.#settings.clock,
      wait: (key, after) => this.#waker?.wait(key, after) ?? this.#rest(key),
      wake: (key) => {
        this.#waker?.wake(key)
        this.#rests.get(key)?.()
      },
      fenced: (name) => this.#keeper.lose(name),
      poisoned: (name, messages) => this.#putAside(name, messages),
      deleted: (name, ids) => this.#forget(name, ids),
      trouble: (name, error) => this.#trouble(name, error),
      floorOf: (name) => this.#floors.get(name),
      begins: (name, position) => void this.#floors.set(name, position || '0-0'),
    })
    this.#readers.set(partition, reader)
    void reader.run()
  }

  async #revoked(partition: string, lost: boolean): Promise<void> {
    this.#readers.get(partition)?.stop()
    this.#readers.delete(partition)
    this.#trouble(partition, undefined)
    await this.#host.revoked(partition, lost)
  }

  async #ack(partition: string, ids: readonly string[]): Promise<void> {
    for (let i = 0; i < ids.length; i += MOST_ACKS) {
      const some = ids.slice(i, i + MOST_ACKS)
      await this.#connection.call('XACK', [this.#keys.partition(partition), this.#settings.group, ...some])
    }
  }

  /** The group is only for lag and trimming here: who has lost the partition leaves it to its owner. */
  async #follow(partition: string, last: string, count: number): Promise<void> {
    const token = this.#keeper.tokenOf(partition)
    if (token === undefined) return
    try {
      const keys = [this.#keys.partition(partition), this.#keys.lease(partition)]
      const before = this.#floors.get(partition) ?? '0-0'
      await this.#connection.run(FOLLOW, keys, [
        leaseText(this.#member, token),
        this.#settings.group,
        last,
        count,
        before,
      ])
    } catch (error) {
      const prefix = prefixOf(error)
      if (prefix !== 'FENCED' && prefix !== 'NOGROUP') throw error
    }
  }

  async #putAside(partition: string, messages: readonly Message[]): Promise<void> {
    for (const message of messages) {
      const times = (message.redelivered ?? 0) + 1
      const what = `it was handed out ${times} times (maxDeliveries ${this.#settings.maxDeliveries}) and never settled`
      const isAside = await this.#host.poisoned(partition, message, { reason: 'max_deliveries', message: what })
      if (isAside) await this.#ack(partition, [message.position])
    }
  }

  async #forget(partition: string, ids: readonly string[]): Promise<void> {
    const key = JSON.stringify(this.#keys.partition(partition))
    diag.error(`batchflow-otel: ${ids.length} messages of stream ${key} were deleted before they were acknowledged`)
    await this.#ack(partition, ids)
  }

  #trouble(what: string, error: Error | undefined): void {
    const before = this.#troubles.size
    if (error === undefined) this.#troubles.delete(what)
    else this.#troubles.set(what, error)
    if (error !== undefined) this.#host.trouble(error)
    else if (before > 0 && this.#troubles.size === 0) this.#host.trouble(undefined)
  }

  #rest(key: string): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        timer.stop()
        this.#rests.delete(key)
        resolve()
      }
      const timer = this.#settings.clock.timer(wake)
      this.#rests.set(key, wake)
      timer.start(REST)
    })
  }
}

/** XINFO does not know a stream that is not there: nothing is in it. */
function noStream(error: Error): [] {
  if (/no such key/i.test(error.message)) return []
  throw error
}
