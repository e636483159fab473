import { EncodeError } from '../kit/encode-error.ts'
import { encodeObject } from '../kit/values.ts'

const asItIs = (date: Date): Date => date

/** What `mysql2` binds as it is. */
export type Bound = null | string | number | boolean | Date | Buffer

/**
 * A value as `mysql2` is to bind it: `undefined` is NULL, a `bigint` its digits, bytes of any view a `Buffer`, any other
 * object its JSON text. A `Date` is left to `mysql2`, which writes it in the time zone its pool was given.
 *
 * @throws {EncodeError} for what no column can hold: NaN and the infinities, invalid dates, functions, symbols
 */
export function encode(value: unknown): Bound {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value)) return value
      throw new EncodeError('MySQL has no NaN and no infinity')
    case 'bigint':
      return value.toString()
    case 'undefined':
      return null
    case 'object':
      return value === null ? null : encodeObject(value, asItIs)
    default:
      throw new EncodeError(`a ${typeof value} is no value`)
  }
}

const LENGTH_PREFIX = 9
/** Type, null bit and length of a parameter that is a number, a date or NULL. */
const FIXED = 16

/** Upper bound of the bytes a value takes in a packet, cheap to tell: UTF-8 has at most three for a UTF-16 unit. */
export function roomFor(value: Bound): number {
  if (typeof value === 'string') return value.length * 3 + LENGTH_PREFIX + 2
  return Buffer.isBuffer(value) ? value.length + LENGTH_PREFIX + 2 : FIXED
}

/** The same to the byte, where the bound is too coarse. */
export function exactRoomFor(value: Bound): number {
  return typeof value === 'string' ? Buffer.byteLength(value) + LENGTH_PREFIX + 2 : roomFor(value)
}
