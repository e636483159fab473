import type { DeadLetterReason } from '../../consume/source.ts'
import { beside, bytesOf, type Header, type Letter, prefixed, putFitting, toldOf } from '../kit/letter.ts'
import type { KafkaClient, KafkaMessage, KafkaProducer } from './client.ts'
import { isTooLarge, protocolError } from './errors.ts'
import type { KafkaLogMessage } from './messages.ts'

export interface DeadLettersOptions {
  readonly client: KafkaClient
  /** For its classes. */
  readonly options: Readonly<Record<string, unknown>>
  readonly topic: string
  readonly deadLetterTopic: string
  /** Of the topic, and so of the one that is made for dead letters. */
  readonly partitions: () => number
}

/**
 * Messages that were put aside: key, bytes and headers as they were, as far as the topic takes them with what is told beside
 * them, in a topic of their own.
 */
export class DeadLetters {
  readonly #about: DeadLettersOptions
  #producer: KafkaProducer | undefined
  #isThere = false

  constructor(about: DeadLettersOptions) {
    this.#about = about
  }

  async put(partition: string, message: KafkaLogMessage, why: DeadLetterReason): Promise<void> {
    const { client, options, topic, deadLetterTopic } = this.#about
    const producer = (this.#producer ??= new client.Producer({ ...options }))
    await this.#ensureTopic(producer)
    const told = { ...toldOf(message, why), topic, partition }
    const letter = { told, headers: beside(headersOf(message), told), body: bytesOf(message.body) }
    const key = message.record === undefined ? message.key : message.record.key
    const send = (some: Letter) => producer.send({ messages: [recordOf(deadLetterTopic, key, some)], acks: -1 })
    await putFitting(letter, { most: Number.POSITIVE_INFINITY }, send, isTooLarge)
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

function headersOf({ record, headers }: KafkaLogMessage): Header[] {
  if (record === undefined) return Object.entries(headers)
  return Array.from(record.headers, ([name, value]) => [name ?? '', value ?? ''])
}

function recordOf(
  topic: string,
  key: string | Buffer | null | undefined,
  { told, headers, body }: Letter,
): KafkaMessage {
  const all = [...headers, ...prefixed(told)].map(([name, value]) => [Buffer.from(name), Buffer.from(value)] as const)
  return {
    topic,
    key: typeof key === 'string' ? Buffer.from(key) : (key ?? undefined),
    value: Buffer.from(body),
    headers: new Map(all), // by identity: a name may come twice
  }
}
