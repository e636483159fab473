import { EncodeError } from '../kit/encode-error.ts'
import { encodeObject } from '../kit/values.ts'

/** What `mysql2` binds as it is. */
export type Bound = null | string | number | boolean | Date | Buffer

/** From here on MySQL writes a number into a text column with an exponent. */
const EXPONENT = 10n ** 15n

/**
 * A value as it is bound: `undefined` is NULL, a `bigint` a number or, where that would not hold it, its digits (which a BIT
 * column would take for bytes), bytes of any view a `Buffer`, any other object its JSON text.
 *
 * @throws {EncodeError} for what no column can hold: NaN and the infinities, dates that are invalid or out of range,
 * functions, symbols
 */
export function encode(value: unknown, bindDate: (date: Date) => Date): Bound {
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
      return value === null ? null : encodeObject(value, bindDate)
    default:
      throw new EncodeError(`a ${typeof value} is no value`)
  }
}
