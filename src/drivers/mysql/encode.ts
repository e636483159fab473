import { EncodeError } from '../kit/encode-error.ts'
import { encodeObject } from '../kit/values.ts'

/** What `mysql2` binds as it is. */
export type Bound = null | string | number | boolean | Date | Buffer

export type EncodeDate = (date: Date) => Date

/**
 * Leaves a date to `mysql2`, which writes it in the time zone of its pool: `local`, `Z` or an offset like `+02:00`. What has
 * no four digits for its year there would be stored as the zero date, or stop the whole batch.
 */
export function encodeDates(timezone: string): EncodeDate {
  const yearOf = yearIn(timezone)
  return (date) => {
    const year = yearOf(date)
    if (!(year >= 0 && year <= 9999)) throw new EncodeError('the year of the date is not between 0 and 9999')
    return date.constructor === Date ? date : new Date(date.getTime()) // another realm's
  }
}

function yearIn(timezone: string): (date: Date) => number {
  if (timezone === 'local') return (date) => date.getFullYear()
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)/.exec(timezone) ?? []
  const offset = (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000
  return (date) => new Date(date.getTime() + offset).getUTCFullYear()
}

/** From here on MySQL writes a number into a text column with an exponent. */
const EXPONENT = 10n ** 15n

/**
 * A value as `mysql2` is to bind it: `undefined` is NULL, a `bigint` a number or, where that would not hold it, its digits
 * (which a BIT column would take for bytes), bytes of any view a `Buffer`, any other object its JSON text.
 *
 * @throws {EncodeError} for what no column can hold: NaN and the infinities, dates that are invalid or out of range,
 * functions, symbols
 */
export function encode(value: unknown, encodeDate: EncodeDate): Bound {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value)) return value
      throw new EncodeError('MySQL has no NaN and no infinity')
    case 'bigint':
      return value > -EXPONENT && value < EXPONENT ? Number(value) : value.toString()
    case 'undefined':
      return null
    case 'object':
      return value === null ? null : encodeObject(value, encodeDate)
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
