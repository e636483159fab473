import { isUtf8 } from 'node:buffer'
import type { DeadLetterReason } from '../../consume/source.ts'
import { encode } from '../../support/value-codec.ts'
import { bytesOf, type Header, type Letter, putFitting, toldOf } from '../kit/letter.ts'
import type { Argument, Connection } from './connection.ts'
import { BODY, KEY, type StreamMessage } from './entry.ts'

/** What any server takes as one field: `proto-max-bulk-len` cannot be less. In bytes. */
const SMALLEST_LIMIT = 1_048_576

/** Puts messages aside in a stream: the original body, the key and the headers as JSON, and why. */
export class DeadLetters {
  readonly #connection: Connection
  readonly #key: string

  constructor(connection: Connection, key: string) {
    this.#connection = connection
    this.#key = key
  }

  async put(partition: string, message: StreamMessage, why: DeadLetterReason): Promise<void> {
    const { redelivered } = message
    const told = { ...toldOf(message, why), partition, ...(redelivered && { redelivered: String(redelivered) }) }
    const { key, headers } = partsOf(message)
    const letter = { told, headers: headers.map(jsonOf), body: bytesOf(message.body) }
    const add = (some: Letter) => this.#connection.call('XADD', [this.#key, '*', ...fieldsOf(some, key)])
    await putFitting(letter, { most: Number.POSITIVE_INFINITY, mostHeaders: largestOf(message) }, add, isTooLarge)
  }
}

/** Headers become one field: too long a one would not be refused, but end the connection. */
function largestOf({ fields = [] }: StreamMessage): number {
  return fields.reduce((most, { length }) => Math.max(most, length), SMALLEST_LIMIT)
}

function fieldsOf({ told, headers, body }: Letter, key: Argument | undefined): Argument[] {
  const fields: Argument[] = Object.entries(told).flat()
  if (key !== undefined) fields.push('key', key)
  fields.push('headers', `{${headers.map(([name, value]) => `${name}:${value}`).join()}}`)
  fields.push('body', Buffer.from(body.buffer, body.byteOffset, body.byteLength))
  return fields
}

/** What is no text stays what it is: `{"$bytes":"…"}`. */
function jsonOf([name, value]: Header): Header {
  const kept = typeof value === 'string' || !isUtf8(value) ? value : String(value)
  return [JSON.stringify(String(name)), JSON.stringify(encode(kept))]
}

function partsOf({ fields = [], key, headers }: StreamMessage): { key: Argument | undefined; headers: Header[] } {
  if (fields.length === 0) return { key, headers: Object.entries(headers) }
  const pairs = Array.from(
    { length: fields.length >>> 1 },
    (_, i) => [String(fields[2 * i]), fields[2 * i + 1]!] as const,
  )
  const isHeader = ([name]: readonly [string, Buffer]) => name !== BODY && name !== KEY
  return { key: pairs.findLast(([name]) => name === KEY)?.[1], headers: pairs.filter(isHeader) }
}

/** An entry cannot be larger than 1 GiB. */
function isTooLarge(error: unknown): boolean {
  return error instanceof Error && /too large to be stored/i.test(error.message)
}
