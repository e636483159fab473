import type { DriverTarget } from '../../contract/driver.ts'
import type { Classification, KnownReason } from '../../contract/reasons.ts'

/** What `@platformatic/kafka` throws: an error, or several of them, each with its own cause. */
interface Thrown {
  readonly code?: unknown
  /** The name of the protocol's error code. */
  readonly apiId?: unknown
  readonly errors?: readonly unknown[]
  /** What a broker answered to messages, in part or wholly refusing them. */
  readonly response?: { readonly responses?: readonly { readonly partitionResponses?: readonly PartitionResponse[] }[] }
  readonly cause?: unknown
}

interface PartitionResponse {
  readonly index: number
  readonly errorCode: number
}

function* chainOf(error: unknown): Generator<Thrown> {
  if (typeof error !== 'object' || error === null) return
  const thrown = error as Thrown
  yield thrown
  for (const inner of Array.isArray(thrown.errors) ? thrown.errors : []) yield* chainOf(inner)
  yield* chainOf(thrown.cause)
}

/** The protocol's error, by its name, wherever in what the client threw it is. */
export function protocolError(error: unknown): string | undefined {
  for (const { apiId } of chainOf(error)) if (typeof apiId === 'string') return apiId
  return undefined
}

function codesOf(error: unknown): string[] {
  return Array.from(chainOf(error), ({ code }) => code).filter((code) => typeof code === 'string')
}

/** The broker refused the connection, or its name is not known: nothing was sent. */
export function isUnreachable(error: unknown): boolean {
  return codesOf(error).some((code) => /^(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/.test(code))
}

/** The broker may have taken what it was sent. */
export function isUnsure(error: unknown): boolean {
  const told = protocolError(error)
  if (told !== undefined) return UNSURE.has(told)
  return !isUnreachable(error) && !codesOf(error).some((code) => UNSENT.test(code))
}

/** The broker does not know the producer by this name and number any more. */
export function isForgotten(error: unknown): boolean {
  return FORGOTTEN.has(protocolError(error) ?? '')
}

export function isTooLarge(error: unknown): boolean {
  return TOO_LARGE.has(protocolError(error) ?? '')
}

/** The partitions whose messages were refused for their size, as far as that is told. */
export function tooLargePartitions(error: unknown): Set<number> {
  const partitions = Array.from(chainOf(error), ({ response }) => response?.responses ?? [])
    .flat()
    .flatMap(({ partitionResponses }) => partitionResponses ?? [])
  return new Set(partitions.filter(({ errorCode }) => TOO_LARGE_CODES.has(errorCode)).map(({ index }) => index))
}

/**
 * https://kafka.apache.org/protocol#protocol_error_codes
 *
 * What is none of the protocol's, as an answer that the client could not read, tells of no message: all of them may be in the log.
 */
export function classifyKafka(error: unknown): Classification | undefined {
  const code = protocolError(error)
  if (code !== undefined) return classified(code)
  const codes = codesOf(error)
  if (codes.includes('PLT_KFK_AUTHENTICATION')) return { reason: 'permission', isolate: false, outage: true }
  if (codes.includes('PLT_KFK_TIMEOUT')) return { reason: 'timeout' }
  if (codes.includes('PLT_KFK_NETWORK')) return { reason: 'connection' }
  if (codes.some((code) => UNSENT.test(code))) return undefined
  return { reason: 'io', isolate: false, outage: true }
}

function classified(code: string): Classification {
  const reason = REASONS[code]
  if (TOO_LARGE.has(code) || BAD_RECORD.has(code)) return { reason: 'invalid_data', code, isolate: true }
  if (code.endsWith('AUTHORIZATION_FAILED')) return { reason: 'permission', code, isolate: false, outage: true }
  return { reason: reason ?? 'io', code, retryable: true, isolate: false, outage: true }
}

/** Where a client would look first, for spans. */
export function addressOf(broker: unknown): DriverTarget | undefined {
  if (typeof broker === 'object' && broker !== null) {
    const { host, port } = broker as { host?: string; port?: number }
    return { address: host, port }
  }
  const colon = String(broker).lastIndexOf(':')
  if (colon === -1) return { address: String(broker), port: 9092 }
  return { address: String(broker).slice(0, colon), port: Number(String(broker).slice(colon + 1)) }
}

/** Of the client, which has not asked anybody. */
const UNSENT = /^PLT_KFK_(?:USER|UNSUPPORTED)/
const UNSURE = new Set(['REQUEST_TIMED_OUT', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'UNKNOWN_SERVER_ERROR'])
const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])
const TOO_LARGE_CODES = new Set([10, 18])
const BAD_RECORD = new Set(['INVALID_RECORD', 'CORRUPT_MESSAGE', 'INVALID_TIMESTAMP'])
const FORGOTTEN = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'PRODUCER_FENCED',
])
const REASONS: Readonly<Record<string, KnownReason>> = {
  REQUEST_TIMED_OUT: 'timeout',
  UNKNOWN_TOPIC_OR_PARTITION: 'schema',
  UNKNOWN_TOPIC_ID: 'schema',
  KAFKA_STORAGE_ERROR: 'out_of_space',
}
