import { types } from 'node:util'
import type { Row, Table } from '../../contract/table.ts'
import { fieldOf } from '../../support/field.ts'
import { encode } from '../../support/value-codec.ts'

/**
 * The values of a row's conflict keys as one text: `[1,"a"]`. Equal for values that are one key to a database, whatever
 * carries them: 1 and 1n, a `Buffer` and a `Uint8Array`. It chooses the partition and is the key of the message.
 * `undefined` for a table without conflict keys.
 *
 * What is written: numbers and bigints in digits, -0 as 0; texts, booleans and null as JSON; a date as `{"$date":"<ISO 8601>"}`;
 * bytes of any kind as `{"$bytes":"<base64>"}`; all else as JSON with the values it does not know as in a message.
 */
export function keyTextOf(table: Pick<Table, 'keys'>, row: Row): string | undefined {
  const { keys } = table
  if (keys.length === 0) return undefined
  let text = '['
  for (let i = 0; i < keys.length; i++) text += (i === 0 ? '' : ',') + canonical(fieldOf(row, keys[i]!))
  return `${text}]`
}

/** One value as {@link keyTextOf} writes it. */
export function canonical(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'number':
      return Object.is(value, -0) ? '0' : String(value)
    case 'bigint':
      return String(value)
    case 'undefined':
      return 'null'
    default:
      return canonicalObject(value)
  }
}

function canonicalObject(value: unknown): string {
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    const bytes = ArrayBuffer.isView(value)
      ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      : Buffer.from(value)
    return JSON.stringify({ $bytes: bytes.toString('base64') })
  }
  return JSON.stringify(encode(value))
}

/**
 * 32 bits of a text, the same in every process and release: FNV-1a over its UTF-8 bytes (offset 2166136261, prime 16777619),
 * then the finalizer of MurmurHash3 (`h ^= h>>>16; h *= 0x85ebca6b; h ^= h>>>13; h *= 0xc2b2ae35; h ^= h>>>16`), without
 * which the low bits are those of the last byte.
 */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return mixed(fnv(Buffer.from(text.slice(i)), hash))
    hash = Math.imul(hash ^ code, 0x01000193)
  }
  return mixed(hash)
}

function fnv(bytes: Uint8Array, start: number): number {
  let hash = start
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash
}

function mixed(hash: number): number {
  let mix = hash
  mix = Math.imul(mix ^ (mix >>> 16), 0x85ebca6b)
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35)
  return (mix ^ (mix >>> 16)) >>> 0
}

/** Which of `count` partitions a key belongs to, from 0: {@link hashOf} modulo `count`. */
export function partitionOf(keyText: string, count: number): number {
  return hashOf(keyText) % count
}
