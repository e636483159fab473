import { createHash } from 'node:crypto'
import type { DeadLetterReason, Message, RowFault } from '../../consume/source.ts'

type Text = string | Uint8Array

export type Header = readonly [name: Text, value: Text]

/** A message that is put aside: what is told of it, and its own headers and bytes. */
export interface Letter {
  readonly told: Readonly<Record<string, string>>
  readonly headers: readonly Header[]
  readonly body: Uint8Array
}

/** What a header takes beside its name and its value, at most, in bytes. */
const OVERHEAD = 10
/** What is told of rows that failed, at most, in bytes. */
const MOST_ROWS_BYTES = 4096

/** What every log tells of a message that is put aside. */
export function toldOf(message: Message, why: DeadLetterReason): Record<string, string> {
  const { reason, table, code } = why
  return {
    reason,
    message: why.message,
    position: message.position,
    ...(table !== undefined && { table }),
    ...(code !== undefined && { code }),
    ...toldOfRows(why),
  }
}

/** Which rows failed. */
export function toldOfRows({ row, rows, failed }: DeadLetterReason): Record<string, string> {
  return {
    ...(row !== undefined && { row: String(row) }),
    ...(rows !== undefined && { failed: String(failed ?? rows.length), rows: jsonOf(rows) }),
  }
}

/** As many as fit. */
function jsonOf(rows: readonly RowFault[]): string {
  const kept: string[] = []
  let bytes = 2
  for (const row of rows) {
    const text = JSON.stringify(row)
    bytes += Buffer.byteLength(text) + 1
    if (bytes > MOST_ROWS_BYTES) break
    kept.push(text)
  }
  return `[${kept.join()}]`
}

/** The names of what is told where it stands among other headers. */
export function prefixed(told: Readonly<Record<string, string>>): [name: string, value: string][] {
  return Object.entries(told).map(([name, value]) => [`batchflow-${name}`, value])
}

/** Those of the message that do not bear the name of something that is told. */
export function beside(headers: Iterable<Header>, told: Readonly<Record<string, string>>): Header[] {
  const names = new Set(prefixed(told).map(([name]) => name))
  return [...headers].filter(([name]) => !names.has(String(name).toLowerCase()))
}

export function bytesOf(body: Message['body']): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body) : body
}

/**
 * The letter as it is, where it takes no more than `most` bytes. Else headers as far as half of the room goes, and as much of the
 * beginning of the body as fits; `truncated` then says which of them are not whole, `length` and `sha256` what the body was.
 */
export function fitted(letter: Letter, most: number, mostHeaders = most): Letter {
  const headers = sizeOf([...prefixed(letter.told), ...letter.headers])
  if (headers <= mostHeaders && headers + letter.body.length <= most) return letter
  const { length } = letter.body
  const sha256 = createHash('sha256').update(letter.body).digest('hex')
  const told = { ...inShort(letter.told, most), length: String(length), sha256, truncated: 'headers,body' }
  const ours = sizeOf(prefixed(told))
  const kept = fitting(letter.headers, Math.min(mostHeaders - ours, Math.max((most - ours) / 2, most - ours - length)))
  const body = letter.body.subarray(0, Math.max(0, Math.floor(most - ours - sizeOf(kept))))
  const cut = [kept.length < letter.headers.length && 'headers', body.length < length && 'body'].filter(Boolean)
  return cut.length === 0 ? letter : { told: { ...told, truncated: cut.join() }, headers: kept, body }
}

/** Where there is room for little, what all rows failed for is not told. */
function inShort(told: Letter['told'], most: number): Letter['told'] {
  const { rows, ...rest } = told
  return rows === undefined || sizeOf(prefixed(told)) * 2 < most ? told : rest
}

function fitting(headers: readonly Header[], room: number): readonly Header[] {
  const kept: Header[] = []
  for (const header of headers) {
    const size = sizeOf([header])
    if (size > room) continue
    room -= size
    kept.push(header)
  }
  return kept
}

function sizeOf(headers: readonly Header[]): number {
  let bytes = 0
  for (const [name, value] of headers) bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + OVERHEAD
  return bytes
}

/** What a place is known to take, in bytes. */
export interface Room {
  readonly most: number
  /** Of headers alone. */
  readonly mostHeaders?: number | undefined
}

/**
 * Puts a letter where it is kept. One that is refused as too large goes as far as it fits: what cannot be put aside at all would
 * keep its partition for ever.
 *
 * @throws what `put` does for any other reason, or for a letter that holds nothing of the message any more
 */
export async function putFitting(
  letter: Letter,
  { most, mostHeaders }: Room,
  put: (letter: Letter) => Promise<unknown>,
  isTooLarge: (error: unknown) => boolean,
): Promise<void> {
  for (let room = most; ; ) {
    const some = fitted(letter, room, mostHeaders)
    try {
      return void (await put(some))
    } catch (error) {
      if (!isTooLarge(error) || some.headers.length + some.body.length === 0) throw error
      room = Math.floor((sizeOf([...prefixed(some.told), ...some.headers]) + some.body.length) / 4)
    }
  }
}
