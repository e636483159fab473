import type { Message } from '../../consume/source.ts'
import type { AbortedTransaction, KafkaRecord, RecordsBatch } from './client.ts'

/** Bits of a batch's attributes: a mark of a transaction, no message. */
const CONTROL = 0b100000
const TRANSACTIONAL = 0b10000
/** The broker's time stands for all of the batch. */
const APPEND_TIME = 0b1000

/** What was fetched of one partition: its messages from `offset` on, and where to go on. */
export interface Chunk {
  readonly messages: readonly Message[]
  readonly next: bigint
}

/**
 * A fetch begins with the batch that holds `offset`, so messages before it may come first. Where a log is compacted, or
 * holds transactions, it ends behind offsets that have no message.
 *
 * @param aborted what the broker tells of transactions in what was fetched, and in part of it. The client leaves out what it is
 *   sure of: of a transaction that ends behind what was fetched, or of the first of two, it lets messages pass
 */
export function messagesOf(
  batches: readonly RecordsBatch[],
  offset: bigint,
  aborted: readonly AbortedTransaction[] = [],
): Chunk {
  const messages: Message[] = []
  const isAborted = abortedIn(aborted)
  let next = offset
  for (const batch of batches) {
    const end = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n
    if (end <= offset) continue
    if (end > next) next = end
    const isVoid = isAborted(batch)
    if ((batch.attributes & CONTROL) === 0 && !isVoid) collect(batch, offset, messages)
  }
  return { messages, next }
}

/** Asked about each batch, in order: a mark ends the transaction of its producer, and the next one may be good. */
function abortedIn(aborted: readonly AbortedTransaction[]): (batch: RecordsBatch) => boolean {
  const toCome = [...aborted].sort((a, b) => Number(a.firstOffset - b.firstOffset))
  const open = new Set<bigint>()
  return ({ firstOffset, lastOffsetDelta, producerId, attributes }) => {
    const last = firstOffset + BigInt(lastOffsetDelta)
    while (toCome.length > 0 && toCome[0]!.firstOffset <= last) open.add(toCome.shift()!.producerId)
    if ((attributes & CONTROL) !== 0) open.delete(producerId)
    return (attributes & TRANSACTIONAL) !== 0 && open.has(producerId)
  }
}

function collect(batch: RecordsBatch, offset: bigint, messages: Message[]): void {
  const skip = Number(offset - batch.firstOffset) // negative, or less than the length of the batch
  for (const record of batch.records) {
    if (record.offsetDelta >= skip) messages.push(messageOf(batch, record))
  }
}

/** A message that still has its key and headers as bytes, for a letter about it. */
export interface KafkaLogMessage extends Message {
  readonly record?: KafkaRecord | undefined
}

function messageOf(batch: RecordsBatch, record: KafkaRecord): KafkaLogMessage {
  return {
    position: String(batch.firstOffset + BigInt(record.offsetDelta)),
    body: record.value ?? EMPTY,
    headers: headersOf(record),
    key: record.key?.toString(),
    publishedAt: Number(timeOf(batch, record)),
    record,
  }
}

function timeOf(batch: RecordsBatch, record: KafkaRecord): bigint {
  return (batch.attributes & APPEND_TIME) === 0 ? batch.firstTimestamp + record.timestampDelta : batch.maxTimestamp
}

function headersOf(record: KafkaRecord): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of record.headers) {
    if (name !== null) headers[name.toString().toLowerCase()] = value?.toString() ?? ''
  }
  return headers
}

const EMPTY = new Uint8Array(0)

/** Offsets are decimal numbers without leading zeros: the longer one is the greater. */
export function compareOffsets(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : Number(a > b)
}
