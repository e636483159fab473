import { OptionError } from '../../support/batchflow-error.ts'

/** The slice of `@platformatic/kafka` that is called; versions 1 and 2 have it alike. */
export interface KafkaClient {
  readonly Consumer: new (options: object) => KafkaConsumer
  readonly Producer: new (options: object) => KafkaProducer
  readonly Admin: new (options: object) => KafkaAdmin
}

export interface TopicMetadata {
  readonly id: string
  readonly partitionsCount: number
  readonly partitions: readonly { readonly leader: number; readonly leaderEpoch: number }[]
}

export interface ClusterMetadata {
  readonly brokers: ReadonlyMap<number, unknown>
  readonly topics: ReadonlyMap<string, TopicMetadata>
}

export interface KafkaBase {
  metadata(options: { topics: string[]; forceUpdate?: boolean }): Promise<ClusterMetadata>
  clearMetadata(): void
  close(force?: boolean): Promise<void>
}

export interface KafkaConsumer extends KafkaBase {
  memberId: string | null
  generationId: number
  readonly topics: { track(topic: string): boolean }
  on(event: string, listener: (payload: never) => void): unknown
  joinGroup(options?: object): Promise<unknown>
  fetch(options: object): Promise<FetchResponse>
  commit(options: { offsets: readonly CommittedOffset[] }): Promise<void>
  listOffsets(options: {
    topics: string[]
    partitions: Record<string, number[]>
    timestamp: bigint
  }): Promise<ReadonlyMap<string, readonly bigint[]>>
  listCommittedOffsets(options: {
    topics: { topic: string; partitions: number[] }[]
  }): Promise<ReadonlyMap<string, readonly bigint[]>>
}

export interface CommittedOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly leaderEpoch: number
}

export interface FetchResponse {
  readonly responses: readonly { readonly topicId: string; readonly partitions: readonly FetchedPartition[] }[]
}

export interface FetchedPartition {
  readonly partitionIndex: number
  readonly errorCode: number
  readonly records?: readonly RecordsBatch[] | undefined
  readonly abortedTransactions?: readonly AbortedTransaction[] | null | undefined
}

/** A transaction whose messages count for nothing. */
export interface AbortedTransaction {
  readonly producerId: bigint
  /** Where they begin. */
  readonly firstOffset: bigint
}

export interface RecordsBatch {
  readonly firstOffset: bigint
  readonly lastOffsetDelta: number
  readonly firstTimestamp: bigint
  readonly maxTimestamp: bigint
  readonly attributes: number
  readonly producerId: bigint
  readonly records: readonly KafkaRecord[]
}

export interface KafkaRecord {
  readonly offsetDelta: number
  readonly timestampDelta: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Iterable<readonly [Buffer | null, Buffer | null]>
}

export interface KafkaMessage {
  readonly topic: string
  readonly partition?: number
  readonly key?: Buffer | undefined
  readonly value: Buffer
  readonly headers: Map<Buffer, Buffer>
}

export interface KafkaProducer extends KafkaBase {
  initIdempotentProducer(options: object): Promise<unknown>
  send(options: { messages: readonly KafkaMessage[]; acks: number; idempotent?: boolean }): Promise<unknown>
}

export interface KafkaAdmin extends KafkaBase {
  createTopics(options: { topics: string[]; partitions: number; replicas: number }): Promise<unknown>
}

/** How `@platformatic/kafka` finds and enters the cluster; what is not named here is handed to it as it is. */
export interface KafkaConnection {
  /** `host:port`, or as objects. */
  readonly bootstrapBrokers: readonly string[] | readonly { readonly host: string; readonly port: number }[]
  /** @default 'batchflow' */
  readonly clientId?: string | undefined
  /** `{ mechanism, username, password }` or what else its `sasl` takes. */
  readonly sasl?: object | undefined
  /** Options of `node:tls`. */
  readonly tls?: object | undefined
  readonly [option: string]: unknown
}

/** Options for its classes, that leave all waiting and repeating to us: it would repeat what has another owner since. */
export function clientOptions(owner: string, connection: KafkaConnection): Record<string, unknown> {
  const brokers: unknown = connection?.bootstrapBrokers
  if (!Array.isArray(brokers) || brokers.length === 0) {
    throw new OptionError(`${owner}: bootstrapBrokers must be an array of brokers such as ['127.0.0.1:9092']`)
  }
  return { clientId: 'batchflow', ...connection, bootstrapBrokers: [...brokers], retries: 0 }
}

/** The package is looked for when it is needed, so that nobody else has to have it. */
export async function loadClient(): Promise<KafkaClient> {
  try {
    return (await import('@platformatic/kafka')) as unknown as KafkaClient
  } catch (cause) {
    const versions = '@1 on Node 20, @2 from Node 22.22'
    throw new Error(`Kafka needs the package @platformatic/kafka: npm install @platformatic/kafka${versions}`, {
      cause,
    })
  }
}
