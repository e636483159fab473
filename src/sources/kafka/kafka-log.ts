import { AttemptError, type DriverTarget, type RowFailure } from '../../contract/driver.ts'
import type { Classification } from '../../contract/reasons.ts'
import { unlessAborted } from '../../support/abort.ts'
import type { LogDriver, LogMessage } from '../kit/log-driver.ts'
import type { KafkaProducer } from './client.ts'
import { addressOf, classifyKafka, isForgotten, isUnreachable, isUnsure } from './errors.ts'
import { partitionOfKey } from './murmur2.ts'
import { portionsOf, Sending } from './sending.ts'

/** A producer numbers its messages from 0 in each partition, in 31 bits; the client does not begin anew behind the last of them. */
const MOST_NUMBERS = 2 ** 30
/** All replicas that are in sync have it. */
const ACKS = -1

export interface KafkaLogOptions {
  readonly topic: string
  readonly partitions: number
  readonly producer: KafkaProducer
  readonly bootstrapBrokers: readonly unknown[]
  /** Bytes sent to one partition at a time. */
  readonly maxBatchBytes: number
  /** Messages that are sent under one name of the producer. @default 2 ** 30 */
  readonly mostNumbers?: number | undefined
}

/** A topic as publishers see it. */
export class KafkaLog implements LogDriver {
  readonly name = 'kafka'
  readonly system = 'kafka'
  readonly destination: string
  readonly partitions: number
  readonly target: DriverTarget | undefined
  readonly #producer: KafkaProducer
  readonly #maxBatchBytes: number
  readonly #mostNumbers: number
  #numbers = 0
  #sending: Sending | undefined
  /** The brokers have numbers of this producer that what comes next must not have. */
  #isUsedUp = false

  constructor({ topic, partitions, producer, bootstrapBrokers, maxBatchBytes, mostNumbers }: KafkaLogOptions) {
    this.destination = topic
    this.partitions = partitions
    this.target = addressOf(bootstrapBrokers[0])
    this.#producer = producer
    this.#maxBatchBytes = maxBatchBytes
    this.#mostNumbers = mostNumbers ?? MOST_NUMBERS
  }

  partitionOf(key: string, count: number): number {
    return partitionOfKey(key, count)
  }

  /**
   * The producer numbers what it sends, so that the brokers know a batch that comes again. That holds as long as the very same
   * batch comes again: one that was given up leaves a number that the next one must not have, so the producer gets a new name.
   */
  async send(
    messages: readonly LogMessage[],
    signal: AbortSignal,
    id: string,
  ): Promise<readonly RowFailure[] | undefined> {
    try {
      return await unlessAborted(this.#send(messages, id), signal)
    } catch (error) {
      if (isForgotten(error)) this.#isUsedUp = true
      this.#producer.clearMetadata() // an answer that tells of another leader is one that the client cannot read
      const ambiguous = signal.aborted || isUnsure(error)
      throw new AttemptError(error, { ambiguous, unreachable: !signal.aborted && isUnreachable(error) })
    }
  }

  classify(error: unknown): Classification | undefined {
    return classifyKafka(error)
  }

  async ping(): Promise<void> {
    await this.#producer.metadata({ topics: [this.destination], forceUpdate: true })
  }

  close(): Promise<void> {
    return this.#producer.close()
  }

  #send(messages: readonly LogMessage[], id: string): Promise<readonly RowFailure[] | undefined> {
    let before = this.#sending
    if (before?.id === id) return before.run()
    if (this.#numbers >= this.#mostNumbers) this.#isUsedUp = true
    this.#sending = new Sending(id, portionsOf(this.destination, messages, this.#maxBatchBytes), {
      ready: async () => {
        await this.#ready(before)
        before = undefined // or each would hold the one before it, and so on
      },
      send: (portion) => {
        this.#numbers += portion.length
        return this.#producer.send({ messages: portion, acks: ACKS, idempotent: true })
      },
    })
    return this.#sending.run()
  }

  async #ready(before: Sending | undefined): Promise<void> {
    await before?.ended()
    if (before?.isDone === false) this.#isUsedUp = true
    before?.forget()
    if (!this.#isUsedUp) return
    await this.#producer.initIdempotentProducer({})
    this.#isUsedUp = false
    this.#numbers = 0
  }
}
