import type { Message } from '../../consume/source.ts'
import type { FetchedPartition, FetchResponse, KafkaConsumer, TopicMetadata } from './client.ts'
import { protocolError } from './errors.ts'
import { messagesOf } from './messages.ts'

export interface ReaderHost {
  /** Resolves when more of the partition may come. */
  deliver(partition: number, messages: readonly Message[]): Promise<void>
  /** The log has no such offset. Resolves with where to go on; rejects while that cannot be told. */
  outOfRange(partition: number, offset: bigint): Promise<bigint>
  /** The topic has so many partitions. */
  counted(count: number): void
  /** The brokers cannot be reached; `undefined`: they can again. */
  trouble(error: Error | undefined): void
}

export interface ReaderOptions {
  readonly topic: string
  /** Bytes of one partition at a time. */
  readonly maxBytesPerPartition: number
  /** Bytes of all partitions of one broker at a time. */
  readonly maxBytes: number
  /** How long a broker waits that has nothing, in ms. */
  readonly maxWaitTime: number
}

/** How long a broker waits that has nothing while other partitions of it are being worked on, which it would keep waiting, in ms. */
const SHORT_WAIT = 20
/** ms */
const BACK_OFF = { first: 100, longest: 3000 }
const OUT_OF_RANGE = 1
/** Messages handed over at a time. */
const SLICE = 500

/** One partition, and how far it was read. */
interface Track {
  readonly partition: number
  next: bigint
  /** Fetched while those before it are being worked on. */
  ahead: readonly Message[] | undefined
  isDelivering: boolean
  isFetching: boolean
}

/**
 * Reads partitions, each in order and each at its own pace: while messages of a partition are being worked on, the next ones are
 * fetched, and no more. One fetch at a time is under way to each broker.
 */
export class PartitionReader {
  readonly #consumer: KafkaConsumer
  readonly #options: ReaderOptions
  readonly #host: ReaderHost
  readonly #tracks = new Map<number, Track>()
  readonly #busy = new Set<number>()
  /** Of the topic that offsets are of. */
  #id: string | undefined
  #isLooking = false
  #lookAgain = false
  #failures = 0
  #pause: NodeJS.Timeout | undefined
  #closed = false

  constructor(consumer: KafkaConsumer, options: ReaderOptions, host: ReaderHost) {
    this.#consumer = consumer
    this.#options = options
    this.#host = host
  }

  /** Reads from `offset` on. */
  add(partition: number, offset: bigint): void {
    const track = { partition, next: offset, ahead: undefined, isDelivering: false, isFetching: false }
    this.#tracks.set(partition, track)
    this.#look()
  }

  remove(partition: number): void {
    this.#tracks.delete(partition)
  }

  close(): void {
    this.#closed = true
    this.#tracks.clear()
    clearTimeout(this.#pause)
  }

  /** Asks brokers for what is wanted now. */
  #look(): void {
    this.#lookAgain = this.#isLooking
    if (this.#isLooking || this.#closed || this.#pause !== undefined) return
    if (![...this.#tracks.values()].some(isHungry)) return
    this.#isLooking = true
    this.#consumer
      .metadata({ topics: [this.#options.topic] })
      .then((metadata) => this.#ask(metadata.topics.get(this.#options.topic)))
      .catch((error) => this.#failed(error))
      .finally(() => {
        this.#isLooking = false
        if (this.#lookAgain) this.#look()
      })
  }

  #ask(topic: TopicMetadata | undefined): void {
    if (topic === undefined || this.#closed) return
    this.#id ??= topic.id
    if (topic.id !== this.#id)
      throw new Error(`topic ${this.#options.topic} was made anew: start the worker anew to read it`)
    this.#host.counted(topic.partitionsCount)
    const byBroker = new Map<number, Track[]>()
    for (const track of this.#tracks.values()) {
      const leader = topic.partitions[track.partition]?.leader ?? -1
      byBroker.set(leader, [...(byBroker.get(leader) ?? []), track])
    }
    if (byBroker.has(-1)) this.#later(BACK_OFF.first) // it has no leader now
    for (const [broker, tracks] of byBroker) {
      const hungry = tracks.filter(isHungry)
      if (broker === -1 || this.#busy.has(broker) || hungry.length === 0) continue
      const wait = hungry.length === tracks.length ? this.#options.maxWaitTime : SHORT_WAIT
      void this.#fetch(broker, topic.id, hungry, Math.min(wait, this.#options.maxWaitTime))
    }
  }

  async #fetch(broker: number, topicId: string, tracks: readonly Track[], maxWaitTime: number): Promise<void> {
    this.#busy.add(broker)
    for (const track of tracks) track.isFetching = true
    const { maxBytes, maxBytesPerPartition: partitionMaxBytes } = this.#options
    const partitions = tracks.map(({ partition, next }) => {
      return { partition, currentLeaderEpoch: -1, fetchOffset: next, lastFetchedEpoch: -1, partitionMaxBytes }
    })
    try {
      const topics = [{ topicId, partitions }]
      this.#accept(await this.#consumer.fetch({ node: broker, topics, maxWaitTime, minBytes: 1, maxBytes }), tracks)
      this.#went()
    } catch (error) {
      await this.#refused(error, tracks)
    }
    for (const track of tracks) track.isFetching = false
    this.#busy.delete(broker)
    this.#look()
  }

  /** A broker that refuses one partition may have answered for others. */
  async #refused(error: unknown, tracks: readonly Track[]): Promise<void> {
    const { response } = error as { response?: FetchResponse }
    if (response?.responses === undefined) return this.#failed(error as Error)
    this.#accept(response, tracks)
    const outside = partitionsOf(response).filter(({ errorCode }) => errorCode === OUT_OF_RANGE)
    try {
      for (const { partitionIndex } of outside) await this.#moved(tracks, partitionIndex)
    } catch (failure) {
      return this.#failed(failure as Error)
    }
    if (outside.length > 0 && protocolError(error) === 'OFFSET_OUT_OF_RANGE') return
    this.#failed(error as Error) // most often another broker leads the partition since
  }

  async #moved(tracks: readonly Track[], partition: number): Promise<void> {
    const track = tracks.find((one) => one.partition === partition)
    if (track !== undefined) track.next = await this.#host.outOfRange(partition, track.next)
  }

  #accept(response: FetchResponse, tracks: readonly Track[]): void {
    for (const { partitionIndex, errorCode, records, abortedTransactions } of partitionsOf(response)) {
      const track = tracks.find(({ partition }) => partition === partitionIndex)
      if (track === undefined || errorCode !== 0 || records === undefined) continue
      const { messages, next } = messagesOf(records, track.next, abortedTransactions ?? [])
      track.next = next
      if (messages.length === 0 || this.#tracks.get(partitionIndex) !== track) continue
      track.ahead = messages
      if (!track.isDelivering) void this.#deliver(track)
    }
  }

  async #deliver(track: Track): Promise<void> {
    track.isDelivering = true
    while (track.ahead !== undefined && this.#tracks.get(track.partition) === track) {
      const messages = track.ahead
      track.ahead = undefined
      queueMicrotask(() => this.#look())
      await this.#handOver(track, messages)
    }
    track.isDelivering = false
    this.#look()
  }

  /** What came in one fetch may be more than the worker has room for. */
  async #handOver(track: Track, messages: readonly Message[]): Promise<void> {
    for (let i = 0; i < messages.length && this.#tracks.get(track.partition) === track; i += SLICE) {
      await this.#host.deliver(track.partition, messages.slice(i, i + SLICE))
    }
  }

  #went(): void {
    if (this.#failures === 0) return
    this.#failures = 0
    this.#host.trouble(undefined)
  }

  #failed(error: Error): void {
    if (this.#closed) return
    this.#consumer.clearMetadata()
    this.#host.trouble(error)
    this.#later(Math.min(BACK_OFF.first * 2 ** this.#failures++, BACK_OFF.longest))
  }

  #later(milliseconds: number): void {
    this.#pause ??= setTimeout(() => {
      this.#pause = undefined
      this.#look()
    }, milliseconds)
  }
}

function isHungry({ ahead, isFetching }: Track): boolean {
  return ahead === undefined && !isFetching
}

function partitionsOf({ responses }: FetchResponse): FetchedPartition[] {
  return responses.flatMap(({ partitions }) => partitions)
}
