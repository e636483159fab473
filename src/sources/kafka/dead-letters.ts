import type { DeadLetterReason, Message } from '../../consume/source.ts'
import type { KafkaClient, KafkaMessage, KafkaProducer } from './client.ts'
import { protocolError } from './errors.ts'

export interface DeadLettersOptions {
  readonly client: KafkaClient
  /** For its classes. */
  readonly options: Readonly<Record<string, unknown>>
  readonly topic: string
  readonly deadLetterTopic: string
  /** Of the topic, and so of the one that is made for dead letters. */
  readonly partitions: () => number
}

/** Messages that were put aside: key, bytes and headers as they were, and why, in a topic of their own. */
export class DeadLetters {
  readonly #about: DeadLettersOptions
  #producer: KafkaProducer | undefined
  #isThere = false

  constructor(about: DeadLettersOptions) {
    this.#about = about
  }

  async put(partition: string, message: Message, why: DeadLetterReason): Promise<void> {
    const { client, options, topic, deadLetterTopic } = this.#about
    this.#producer ??= new client.Producer({ ...options })
    await this.#ensureTopic(this.#producer)
    const letter = letterOf(deadLetterTopic, { topic, partition }, message, why)
    await this.#producer.send({ messages: [letter], acks: -1 })
  }

  async close(): Promise<void> {
    await this.#producer?.close()
  }

  /** Whichever broker it is that may make topics: one that is asked first may not be. */
  async #ensureTopic(producer: KafkaProducer): Promise<void> {
    if (this.#isThere) return
    const topics = [this.#about.deadLetterTopic]
    const isThere = () =>
      producer.metadata({ topics, forceUpdate: true }).then(
        () => true,
        () => false,
      )
    if (!(await isThere())) await this.#create(topics)
    this.#isThere = true
  }

  async #create(topics: string[]): Promise<void> {
    const { client, options, partitions } = this.#about
    let failure: unknown
    for (const broker of options['bootstrapBrokers'] as readonly unknown[]) {
      const admin = new client.Admin({ ...options, bootstrapBrokers: [broker] })
      try {
        await admin.createTopics({ topics, partitions: partitions(), replicas: -1 })
        return
      } catch (error) {
        if (protocolError(error) === 'TOPIC_ALREADY_EXISTS') return
        failure = error
      } finally {
        await admin.close().catch(() => {})
      }
    }
    throw failure
  }
}

interface Origin {
  readonly topic: string
  readonly partition: string
}

function letterOf(topic: string, from: Origin, message: Message, why: DeadLetterReason): KafkaMessage {
  const { body, key, headers, position } = message
  const told = {
    ...headers,
    'batchflow-reason': why.reason,
    'batchflow-message': why.message,
    'batchflow-topic': from.topic,
    'batchflow-partition': from.partition,
    'batchflow-position': position,
    ...(why.table !== undefined && { 'batchflow-table': why.table }),
    ...(why.code !== undefined && { 'batchflow-code': why.code }),
  }
  return {
    topic,
    key: key === undefined ? undefined : Buffer.from(key),
    value: Buffer.from(body as Uint8Array),
    headers: new Map(Object.entries(told).map(([name, value]) => [Buffer.from(name), Buffer.from(value)])),
  }
}
