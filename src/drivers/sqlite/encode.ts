import { EncodeError } from '../kit/encode-error.ts'
import { isoText } from '../kit/iso-text.ts'
import { encodeObject } from '../kit/values.ts'

/** What every client binds as it is. */
export type Bound = null | string | number | bigint | Buffer

export type EncodeDate = (date: Date) => Bound

export function encodeDates(as: 'iso' | 'milliseconds'): EncodeDate {
  return as === 'iso' ? isoText : (date) => BigInt(date.getTime())
}

const MOST = 2n ** 63n

/**
 * A value as SQLite is to store it: `undefined` is NULL, a boolean 1 or 0, bytes of any view a blob, any other object its
 * JSON text. Whole numbers are bound as integers, as some clients make a REAL of every number, and text columns would
 * then say `5.0`.
 *
 * @throws {EncodeError} for what would be stored as something else: NaN (as NULL), text with a NUL character (cut off),
 * integers beyond 64 bits, invalid dates, functions, symbols
 */
export function encode(value: unknown, encodeDate: EncodeDate): Bound {
  switch (typeof value) {
    case 'string':
      if (value.includes('\0')) throw new EncodeError('text must not contain a NUL character')
      return value
    case 'number':
      if (Number.isSafeInteger(value)) return BigInt(value)
      if (Number.isNaN(value)) throw new EncodeError('SQLite has no NaN')
      return value
    case 'boolean':
      return value ? 1n : 0n
    case 'bigint':
      if (value >= -MOST && value < MOST) return value
      throw new EncodeError('an integer has at most 64 bits')
    case 'undefined':
      return null
    case 'object':
      return value === null ? null : encodeObject(value, encodeDate)
    default:
      throw new EncodeError(`a ${typeof value} is no value`)
  }
}
