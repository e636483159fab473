import type { RowFailure } from '../../contract/driver.ts'
import type { LogMessage } from '../kit/log-driver.ts'
import type { KafkaMessage } from './client.ts'
import { isTooLarge, tooLargePartitions } from './errors.ts'

/** A message, and its place among those it came with. */
export interface Entry {
  readonly index: number
  readonly message: KafkaMessage & { readonly partition: number }
  readonly bytes: number
}

export interface SendingHost {
  /** Resolves when the producer may send. */
  ready(): Promise<void>
  /** Sends messages to several partitions. What it throws may tell `produced`: what was taken nevertheless. */
  send(messages: readonly KafkaMessage[]): Promise<unknown>
}

/** What a record is in a batch beside its key, its headers and its value, at most. */
const RECORD_OVERHEAD = 40

/**
 * Messages of one batch on their way into the log, as often as it is tried: what is there already is not sent again, and what
 * is not is sent in the very same portions, for the brokers to know them by.
 */
export class Sending {
  readonly id: string
  readonly #host: SendingHost
  readonly #failures: RowFailure[] = []
  #portions: Entry[][]
  #running: Promise<readonly RowFailure[] | undefined> | undefined

  constructor(id: string, portions: Entry[][], host: SendingHost) {
    this.id = id
    this.#portions = portions
    this.#host = host
  }

  get isDone(): boolean {
    return this.#portions.length === 0
  }

  /** Resolves when nothing of it is under way, however that ended. */
  async ended(): Promise<void> {
    await this.#running?.catch(() => {})
  }

  /** Goes on; where it is going on already, what that comes to. */
  run(): Promise<readonly RowFailure[] | undefined> {
    this.#running ??= this.#advance().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** It was given up. */
  forget(): void {
    this.#portions = []
  }

  async #advance(): Promise<readonly RowFailure[] | undefined> {
    await this.#host.ready()
    for (let portion = this.#portions[0]; portion !== undefined; portion = this.#portions[0]) {
      try {
        await this.#host.send(portion.map(({ message }) => message))
        this.#portions.shift()
      } catch (error) {
        const rest = withoutProduced(portion, error)
        const refused = isTooLarge(error) ? tooLargeOf(rest, error) : []
        const others = rest.filter((entry) => !refused.includes(entry))
        this.#portions.splice(0, 1, ...[others, ...this.#halves(refused, error)].filter(({ length }) => length > 0))
        if (refused.length === 0) throw error
      }
    }
    return this.#failures.length === 0 ? undefined : this.#failures
  }

  /** The broker takes less at a time than we thought: a message that is refused alone is never taken. */
  #halves(refused: Entry[], error: unknown): Entry[][] {
    const half = refused.length >>> 1
    if (half > 0) return [refused.slice(0, half), refused.slice(half)]
    for (const { index } of refused) this.#failures.push({ index, error })
    return []
  }
}

/** Those of the partitions that were refused for their size; others may be in the log, and have to come again as they were. */
function tooLargeOf(portion: Entry[], error: unknown): Entry[] {
  const refused = tooLargePartitions(error)
  return refused.size === 0 ? portion : portion.filter(({ message }) => refused.has(message.partition))
}

function withoutProduced(portion: Entry[], error: unknown): Entry[] {
  const { produced } = error as { produced?: { offsets?: readonly { readonly partition: number }[] } }
  const done = new Set(produced?.offsets?.map(({ partition }) => partition))
  return done.size === 0 ? portion : portion.filter(({ message }) => !done.has(message.partition))
}

/** As many messages at a time as no partition gets more than `maxBatchBytes` of: it takes them as one batch, or not. */
export function portionsOf(topic: string, messages: readonly LogMessage[], maxBatchBytes: number): Entry[][] {
  const portions: Entry[][] = []
  let portion: Entry[] = []
  let filled = new Map<number, number>()
  for (const [index, message] of messages.entries()) {
    const entry = entryOf(topic, message, index)
    const bytes = filled.get(message.partition) ?? 0
    if (bytes > 0 && bytes + entry.bytes > maxBatchBytes) {
      portions.push(portion)
      portion = []
      filled = new Map()
    }
    filled.set(message.partition, (filled.get(message.partition) ?? 0) + entry.bytes)
    portion.push(entry)
  }
  if (portion.length > 0) portions.push(portion)
  return portions
}

function entryOf(topic: string, { partition, key, headers, body }: LogMessage, index: number): Entry {
  const value =
    typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const encoded = headersOf(headers)
  const keyBytes = key === undefined ? undefined : Buffer.from(key)
  const message = { topic, partition, key: keyBytes, value, headers: encoded.headers }
  return { index, message, bytes: value.length + (keyBytes?.length ?? 0) + encoded.bytes + RECORD_OVERHEAD }
}

interface EncodedHeaders {
  readonly headers: Map<Buffer, Buffer>
  readonly bytes: number
}

const encodedHeaders = new WeakMap<object, EncodedHeaders>()

/** Most messages of a table have the very same headers. */
export function headersOf(headers: Readonly<Record<string, string>>): EncodedHeaders {
  const known = encodedHeaders.get(headers)
  if (known !== undefined) return known
  const map = new Map(Object.entries(headers).map(([name, value]) => [Buffer.from(name), Buffer.from(value)]))
  let bytes = 0
  for (const [name, value] of map) bytes += name.length + value.length + 4
  encodedHeaders.set(headers, { headers: map, bytes })
  return { headers: map, bytes }
}
