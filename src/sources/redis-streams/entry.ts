import type { Message } from '../../consume/source.ts'
import type { LogMessage } from '../kit/log-driver.ts'

/** Fields of an entry that are no headers. */
export const BODY = 'body'
export const KEY = 'key'

/** An entry as the server sends it: its id, its fields and values; without those where it was deleted meanwhile. */
export type RawEntry = readonly [id: Buffer, fields: readonly Buffer[] | null]

/** A message that still has its fields and values as bytes, for a letter about it. */
export interface StreamMessage extends Message {
  readonly fields?: readonly Buffer[] | undefined
}

/** The fields and values of a message: `body`, `key` where it has one, and its headers under their own names. */
export function fieldsOf({ key, headers, body }: Pick<LogMessage, 'key' | 'headers' | 'body'>): (string | Buffer)[] {
  const fields: (string | Buffer)[] = [BODY, typeof body === 'string' ? body : Buffer.from(body)]
  if (key !== undefined) fields.push(KEY, key)
  for (const [name, value] of Object.entries(headers)) if (name !== BODY && name !== KEY) fields.push(name, value)
  return fields
}

/** What others wrote is read as well: what they call `body` is it, all else are headers. */
export function messageOf(id: string, fields: readonly Buffer[], redelivered: number): StreamMessage {
  const headers: Record<string, string> = Object.create(null)
  let body: Buffer | undefined
  let key: string | undefined
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i]!.toString()
    const value = fields[i + 1]!
    if (name === BODY) body = value
    else if (name === KEY) key = value.toString()
    else headers[name.toLowerCase()] = value.toString()
  }
  return { position: id, body: body ?? '', headers, key, publishedAt: millisecondsOf(id), redelivered, fields }
}

/** ms since 1970, by the server's clock: the first part of an id. */
export function millisecondsOf(id: string): number {
  return Number.parseInt(id, 10)
}

/** Order of ids, which are two numbers of 64 bits; `''` comes before all. */
export function compareIds(a: string, b: string): number {
  if (a === b) return 0
  if (a === '' || b === '') return a === '' ? -1 : 1
  const [aTime = '', aCount = '0'] = a.split('-')
  const [bTime = '', bCount = '0'] = b.split('-')
  return compareNumbers(aTime, bTime) || compareNumbers(aCount, bCount)
}

/** By length first: they may be larger than a number here can be. */
function compareNumbers(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
