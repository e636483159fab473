import { setTimeout as sleep } from 'node:timers/promises'
import type { DeadLetterReason, Message, PartitionLag, Source, SourceHost, SourceMode } from '../../consume/source.ts'
import { logError } from '../../support/guard.ts'
import { clientOptions, type KafkaClient, type KafkaConnection, type KafkaConsumer, loadClient } from './client.ts'
import { Committer } from './committer.ts'
import { DeadLetters } from './dead-letters.ts'
import { protocolError } from './errors.ts'
import { GroupMember } from './group-member.ts'
import { compareOffsets } from './messages.ts'
import type { KafkaSettings } from './options.ts'
import { PartitionReader } from './partition-reader.ts'
import { Progress } from './progress.ts'
import { Troubles } from './troubles.ts'

/** Timestamps that stand for an end of the log. */
const END = { first: -2n, last: -1n }
/** ms */
const AGAIN = 500

/** What is there while it runs. */
interface Running {
  readonly host: SourceHost
  readonly mode: SourceMode
  readonly consumer: KafkaConsumer
  readonly member: GroupMember
  readonly reader: PartitionReader
  readonly committer: Committer
  readonly letters: DeadLetters
  readonly troubles: Troubles
}

/** A topic, read by one member of a consumer group. */
export class KafkaSource implements Source {
  readonly name = 'kafka'
  readonly system = 'kafka'
  readonly destination: string
  readonly ordered = true
  readonly #options: Record<string, unknown>
  readonly #settings: KafkaSettings
  readonly #load: () => Promise<KafkaClient>
  /** Of the partitions that are ours. */
  readonly #progress = new Map<number, Progress>()
  /** By partition, what is going on until it is read: another object, another time it became ours. */
  readonly #gaining = new Map<number, object>()
  #running: Running | undefined
  #count = 0
  #identity: string | undefined

  /** @param load where the client comes from */
  constructor(connection: KafkaConnection, settings: KafkaSettings, load: () => Promise<KafkaClient> = loadClient) {
    this.destination = settings.topic
    this.#options = clientOptions('kafka', connection)
    this.#settings = settings
    this.#load = load
  }

  /** The topic's id. */
  get identity(): string | undefined {
    return this.#identity
  }

  async reaches(partition: string, position: string): Promise<boolean> {
    return BigInt(position) < (await this.#offset(Number(partition), END.last))
  }

  compare(a: string, b: string): number {
    return compareOffsets(a, b)
  }

  async start(host: SourceHost, mode: SourceMode): Promise<void> {
    const running = (this.#running = await this.#create(host, mode))
    try {
      this.#count = await this.#partitions(running.consumer)
      await running.member.join(this.#count)
    } catch (error) {
      await this.stop()
      throw this.#explained(error)
    }
  }

  /** One commit for whatever partitions wait for one. Positions in the database need none: the group is told so that others see how far it is. */
  async acknowledge(partition: string, messages: readonly Message[]): Promise<void> {
    const last = messages.at(-1)
    const { mode, committer } = this.#here
    if (last === undefined) return
    const offset = BigInt(last.position) + 1n
    this.#progress.get(Number(partition))?.settled(offset, last.publishedAt)
    const committed = committer.commit(Number(partition), offset)
    if (mode.position === 'source') return committed
    committed.catch(() => {})
  }

  deadLetter(partition: string, message: Message, why: DeadLetterReason): Promise<void> {
    return this.#here.letters.put(partition, message, why)
  }

  async lag(): Promise<ReadonlyMap<string, PartitionLag>> {
    const partitions = [...this.#progress.keys()]
    if (partitions.length === 0) return new Map()
    const ends = await this.#offsets(partitions, END.last)
    const now = Date.now()
    const lags = [...this.#progress].flatMap(([partition, progress]): [string, PartitionLag][] => {
      const end = ends[partition]
      return end === undefined ? [] : [[String(partition), progress.lag(end, now)]]
    })
    return new Map(lags)
  }

  async stop(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    running.reader.close()
    await running.member.leave()
    this.#running = undefined
    await Promise.all([running.consumer.close(true), running.letters.close()]).catch((error) => {
      logError('the connections of a Kafka source were not closed', error)
    })
  }

  #explained(error: unknown): unknown {
    if (protocolError(error) !== 'INCONSISTENT_GROUP_PROTOCOL') return error
    const group = JSON.stringify(this.#settings.group)
    const who = 'that are no workers, or read another topic'
    return new Error(`kafka: the group ${group} has members ${who}: give them a group of their own`, { cause: error })
  }

  get #here(): Running {
    if (this.#running === undefined) throw new Error('the Kafka source is not running')
    return this.#running
  }

  async #create(host: SourceHost, mode: SourceMode): Promise<Running> {
    const client = await this.#load()
    const options = this.#options
    const { topic, group, deadLetterTopic } = this.#settings
    const troubles = new Troubles((error) => host.trouble(error))
    const consumer = new client.Consumer({ ...options, groupId: group }) // joins no group: it reads
    const member = new GroupMember(
      { client, options, ...this.#settings },
      {
        gained: (partition) => void this.#gained(partition),
        parted: (partition, lost) => this.#parted(partition, lost),
        trouble: (error) => troubles.tell('group', error),
      },
    )
    const reader = new PartitionReader(consumer, this.#settings, {
      deliver: (partition, messages) => this.#deliver(partition, messages),
      outOfRange: (partition, offset) => this.#outOfRange(partition, offset),
      counted: (count) => this.#counted(count),
      trouble: (error) => troubles.tell('reader', error),
    })
    const committer = new Committer((offsets) => member.commit(offsets))
    const letters = new DeadLetters({ client, options, topic, deadLetterTopic, partitions: () => this.#count })
    return { host, mode, consumer, member, reader, committer, letters, troubles }
  }

  #counted(count: number): void {
    this.#count = count
    this.#running?.member.counted(count)
  }

  async #partitions(consumer: KafkaConsumer): Promise<number> {
    const { topic } = this.#settings
    const metadata = await consumer.metadata({ topics: [topic] })
    this.#identity = metadata.topics.get(topic)?.id
    return metadata.topics.get(topic)?.partitionsCount ?? 0
  }

  async #gained(partition: number): Promise<void> {
    const time = {}
    this.#gaining.set(partition, time)
    const running = this.#running
    if (running === undefined) return
    const position = await running.host.assigned(String(partition))
    while (this.#gaining.get(partition) === time) {
      try {
        const offset = await this.#startOf(partition, position)
        if (this.#gaining.get(partition) !== time) return
        running.troubles.tell(`start ${partition}`, undefined)
        this.#progress.set(partition, new Progress(offset))
        return running.reader.add(partition, offset)
      } catch (error) {
        running.troubles.tell(`start ${partition}`, error as Error)
        await sleep(AGAIN)
      }
    }
  }

  async #parted(partition: number, lost: boolean): Promise<void> {
    const running = this.#running
    this.#gaining.delete(partition)
    running?.reader.remove(partition)
    running?.troubles.tell(`start ${partition}`, undefined)
    await running?.host.revoked(String(partition), lost)
    if (!this.#gaining.has(partition)) this.#progress.delete(partition)
  }

  #deliver(partition: number, messages: readonly Message[]): Promise<void> {
    this.#progress.get(partition)?.delivered(messages)
    return this.#here.host.deliver(String(partition), messages)
  }

  /** @param position after which to read; `''`: from the beginning, `undefined`: the group knows */
  async #startOf(partition: number, position: string | undefined): Promise<bigint> {
    if (position) return BigInt(position) + 1n
    if (position === '') return this.#offset(partition, END.first)
    const committed = await this.#here.member.committed(partition)
    if (committed >= 0n) return committed
    return this.#offset(partition, this.#settings.from === 'end' ? END.last : END.first)
  }

  /**
   * The log begins behind what was to be read next: what was between is gone, and that is said. Or it ends before it, and so
   * is another one than before.
   */
  async #outOfRange(partition: number, offset: bigint): Promise<bigint> {
    const first = await this.#offset(partition, END.first)
    const where = `partition ${partition} of topic ${JSON.stringify(this.#settings.topic)}`
    if (first <= offset) {
      throw new Error(`${where} ends before offset ${offset}, up to which it was read: was the topic made anew?`)
    }
    const gone = `${first - offset} messages of ${where} were deleted before they were read: keep them longer`
    logError('messages are lost', new Error(gone))
    return first
  }

  async #offset(partition: number, end: bigint): Promise<bigint> {
    const offset = (await this.#offsets([partition], end))[partition]
    if (offset === undefined) throw new Error(`the offsets of partition ${partition} are not known`)
    return offset
  }

  async #offsets(partitions: number[], timestamp: bigint): Promise<readonly (bigint | undefined)[]> {
    const { topic } = this.#settings
    const found = await this.#here.consumer.listOffsets({
      topics: [topic],
      partitions: { [topic]: partitions },
      timestamp,
    })
    return found.get(topic) ?? []
  }
}
