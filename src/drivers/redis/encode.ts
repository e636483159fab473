import { isAnyArrayBuffer, isDate, isMap, isSet, isUint8Array } from 'node:util/types'
import { EncodeError } from '../kit/encode-error.ts'
import { bytesOf } from '../kit/values.ts'
import { isoText } from './iso-text.ts'

/** The text of one value: dates in ISO 8601, booleans as `true` and `false`, arrays and plain objects as JSON. */
export function textOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'object':
      return objectText(value)
    default:
      throw new EncodeError(`a value of type ${typeof value} has no text`)
  }
}

function objectText(value: object | null): string {
  if (value === null) throw new EncodeError('NULL has no text')
  return isDate(value) ? dateText(value) : jsonText(plain(value))
}

function plain(value: object): object {
  if (isMap(value) || isSet(value) || ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) {
    throw new EncodeError('only Uint8Array, arrays, dates and plain objects can be written')
  }
  return value
}

/** What stands for a value in a JSON document: JSON itself would leave out or empty what it does not know. */
export function partOf(value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') return textOf(value)
  if (typeof value !== 'object' || value === null) return value
  if (isUint8Array(value)) return bytesOf(value).toString('base64')
  return isDate(value) ? dateText(value) : plain(value)
}

function dateText(date: Date): string {
  const time = date.getTime()
  if (Number.isNaN(time)) throw new EncodeError('the date is invalid')
  return isoText(time)
}

/** Bigints, which JSON does not know, become strings of digits. */
export function jsonText(value: object): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part))
  } catch (error) {
    throw new EncodeError('the object has no JSON', { cause: error })
  }
  if (text === undefined) throw new EncodeError('the object has no JSON')
  return text
}
