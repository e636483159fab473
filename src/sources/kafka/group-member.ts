import { setTimeout as sleep } from 'node:timers/promises'
import type { Claim } from './assignment.ts'
import type { CommittedOffset, KafkaClient, KafkaConsumer } from './client.ts'
import { protocolError } from './errors.ts'
import { assignments, type Joined, type Members, protocolOf, type Topics } from './group-protocol.ts'
import { Holdings } from './holdings.ts'

export interface GroupMemberOptions {
  readonly client: KafkaClient
  /** For its `Consumer`. */
  readonly options: Readonly<Record<string, unknown>>
  readonly topic: string
  readonly group: string
  /** ms */
  readonly sessionTimeout: number
  /** ms */
  readonly heartbeatInterval: number
}

export interface GroupEvents {
  gained(partition: number): void
  parted(partition: number, lost: boolean): Promise<void>
  /** The group cannot be reached; `undefined`: it can again. */
  trouble(error: Error | undefined): void
}

/** ms */
const BACK_OFF = { first: 100, longest: 5000 }

/**
 * One member of a consumer group, whatever befalls it. The client's consumer is thrown away and made anew, under the same
 * name in the group, when its heart stops: after an error that is not the group's own it sends no more heartbeats, and the
 * coordinator it once found it never looks for again.
 */
export class GroupMember {
  readonly #about: GroupMemberOptions
  readonly #events: GroupEvents
  readonly #holdings: Holdings
  readonly #watch: NodeJS.Timeout
  #consumer: KafkaConsumer
  #count = 0
  #beat = 0
  #alive = performance.now()
  #renewing: Promise<void> | undefined
  #rebalancing = false
  #stale = false
  #forfeited = false
  #closed = false
  #joins: (() => void)[] = []

  constructor(about: GroupMemberOptions, events: GroupEvents) {
    this.#about = about
    this.#events = events
    this.#holdings = new Holdings({
      gained: (partition) => events.gained(partition),
      parted: (partition, lost) => events.parted(partition, lost),
      released: () => this.#rejoin(),
    })
    this.#consumer = this.#create()
    this.#watch = setInterval(() => this.#checkAlive(), about.heartbeatInterval)
  }

  get partitions(): number[] {
    return this.#holdings.partitions
  }

  /** @throws what the client throws when the group cannot be joined */
  async join(count: number): Promise<void> {
    this.#count = count
    this.#alive = performance.now()
    await this.#consumer.joinGroup()
  }

  /** The topic has so many partitions. */
  counted(count: number): void {
    if (count === this.#count) return
    this.#count = count
    this.#rejoin()
  }

  /** Commits what is still ours. @throws what the client throws when that cannot be done */
  async commit(offsets: ReadonlyMap<number, bigint>): Promise<void> {
    for (let attempts = 3; ; attempts--) {
      const ours = [...offsets].filter(([partition]) => this.#holdings.has(partition))
      if (ours.length === 0) return
      try {
        return await this.#consumer.commit({ offsets: ours.map((offset) => this.#committed(offset)) })
      } catch (error) {
        if (attempts <= 1 || this.#closed || !AGAIN.has(protocolError(error) ?? '')) throw error
        await this.#joined()
      }
    }
  }

  /** What the group has counted as read; less than 0: nothing. */
  async committed(partition: number): Promise<bigint> {
    const { topic } = this.#about
    const found = await this.#consumer.listCommittedOffsets({ topics: [{ topic, partitions: [partition] }] })
    return found.get(topic)?.[partition] ?? -1n
  }

  /** Puts all partitions down and leaves, so that others need not wait until we are missed. */
  async leave(): Promise<void> {
    await this.#holdings.leave()
    this.#closed = true
    clearInterval(this.#watch)
    await this.#renewing
    await this.#consumer.close(true).catch(() => this.#discard(this.#consumer))
  }

  get #claim(): Claim {
    return { ...this.#holdings.claimOf(this.#consumer?.memberId ?? null), count: this.#count }
  }

  #committed([partition, offset]: readonly [number, bigint]): CommittedOffset {
    return { topic: this.#about.topic, partition, offset, leaderEpoch: -1 }
  }

  #create(): KafkaConsumer {
    const { client, options, topic, group, sessionTimeout, heartbeatInterval } = this.#about
    const consumer = new client.Consumer({
      ...options,
      groupId: group,
      sessionTimeout,
      rebalanceTimeout: sessionTimeout, // nobody keeps the others waiting: partitions are put down after the group has met
      heartbeatInterval,
      autocommit: false,
      protocols: [protocolOf(topic, () => this.#claim)],
      partitionAssigner: (_: string, members: Members, __: unknown, metadata: Topics) =>
        assignments(topic, members, metadata),
    })
    consumer.topics.track(topic)
    this.#listen(consumer)
    return consumer
  }

  #listen(consumer: KafkaConsumer): void {
    const on = (event: string, act: (payload: never) => void) => {
      consumer.on(event, (payload) => {
        if (consumer === this.#consumer && !this.#closed) act(payload)
      })
    }
    on('consumer:group:join', (joined: Joined) => this.#onJoined(joined))
    on('consumer:group:rebalance', () => {
      this.#rebalancing = true
    })
    on('consumer:heartbeat:start', () => {
      this.#beat = performance.now()
    })
    on('consumer:heartbeat:end', () => {
      this.#alive = this.#beat
      if (this.#forfeited) this.#rejoin()
    })
    on('consumer:heartbeat:error', ({ error }: { error: Error }) => this.#renew(error))
    on('error', (error: Error) => this.#renew(error))
  }

  #onJoined({ memberId, generationId, assignments }: Joined): void {
    this.#alive = performance.now()
    this.#rebalancing = false
    this.#forfeited = false
    const ours = assignments?.find(({ topic }) => topic === this.#about.topic)
    this.#holdings.joined(memberId, generationId, ours?.partitions ?? [])
    for (const tell of this.#joins.splice(0)) tell()
    if (this.#stale) this.#rejoin()
  }

  /** The group meets again, to hear what we claim now. One that it is at already has heard the old claim. */
  #rejoin(): void {
    if (this.#closed) return
    this.#stale = this.#rebalancing || this.#renewing !== undefined
    if (this.#stale) return
    this.#rebalancing = true
    this.#consumer.joinGroup().catch((error) => this.#renew(error))
  }

  #renew(error: Error): void {
    this.#events.trouble(error)
    this.#renewing ??= this.#renewed().finally(() => {
      this.#renewing = undefined
      if (this.#stale) this.#rejoin()
    })
  }

  async #renewed(): Promise<void> {
    for (let delay = BACK_OFF.first; !this.#closed; delay = Math.min(delay * 2, BACK_OFF.longest)) {
      await sleep(delay)
      const before = this.#consumer
      this.#consumer = this.#create()
      this.#consumer.memberId = before.memberId
      this.#consumer.generationId = before.generationId
      this.#discard(before)
      try {
        await this.#consumer.joinGroup()
        return this.#events.trouble(undefined)
      } catch (error) {
        this.#events.trouble(error as Error)
      }
    }
  }

  /** Closes it without leaving the group: whoever has no name is not in one. */
  #discard(consumer: KafkaConsumer): void {
    consumer.memberId = null
    consumer.close(true).catch(() => {})
  }

  /** A group that has heard nothing for the time of a session has given our partitions to others. */
  #checkAlive(): void {
    if (performance.now() - this.#alive <= this.#about.sessionTimeout) return
    this.#forfeited = true
    this.#holdings.forfeit()
  }

  #joined(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#about.sessionTimeout)
      this.#joins.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}

/** Answers to a commit that came while the group was meeting, or moving to another broker. */
const AGAIN = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'NOT_COORDINATOR',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
])
