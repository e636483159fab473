import { isDate } from 'node:util/types'
import { EncodeError } from '../kit/encode-error.ts'

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
  if (isDate(value)) return dateText(value)
  if (value instanceof Map || value instanceof Set || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    throw new EncodeError('only Uint8Array, arrays, dates and plain objects can be written')
  }
  return jsonText(value)
}

function dateText(date: Date): string {
  if (Number.isNaN(date.getTime())) throw new EncodeError('the date is invalid')
  return date.toISOString()
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
