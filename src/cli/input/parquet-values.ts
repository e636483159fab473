import type { ParquetParsers, SchemaElement } from 'hyparquet'
import { parseJson } from './values.ts'

const DAY_MS = 86_400_000
const decoder = new TextDecoder()

/** Times as texts, as a Date would lose what is below a millisecond; JSON with all digits of its numbers. */
export const PARSERS: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (value) => timeOf(BigInt(value), 3),
  timestampFromMicroseconds: (value) => timeOf(value, 6),
  timestampFromNanoseconds: (value) => timeOf(value, 9),
  dateFromDays: (days) => new Date(days * DAY_MS).toISOString().slice(0, 10),
  jsonFromBytes: (bytes) => bytes && parseJson(decoder.decode(bytes)),
}

/** `digits`: those behind the second that the unit has. */
function timeOf(value: bigint, digits: number): string {
  const unit = 10n ** BigInt(digits)
  const rest = ((value % unit) + unit) % unit
  const seconds = new Date(Number((value - rest) / unit) * 1000).toISOString().slice(0, -5)
  const fraction = rest === 0n ? '' : `.${String(rest).padStart(digits, '0')}`
  return `${seconds}${fraction}Z`
}

export type Reading = (value: unknown) => unknown

/**
 * What a value of a column still needs: decimals are read as the integers they are stored as, since a double would not hold
 * them; a time that is not in UTC has no zone. `undefined`: nothing.
 */
export function readingOf(element: SchemaElement): Reading | undefined {
  const { converted_type: converted, logical_type: logical, scale = 0 } = element
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') {
    delete element.converted_type
    delete element.logical_type
    return (value) => (value === null || value === undefined ? value : decimalOf(integerOf(value), scale))
  }
  if (logical?.type !== 'TIMESTAMP' || logical.isAdjustedToUTC) return undefined
  return (value) => (typeof value === 'string' ? value.slice(0, -1) : value)
}

function integerOf(value: unknown): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(value as number | bigint)
  return value.length === 0 ? 0n : BigInt.asIntN(value.length * 8, BigInt(`0x${Buffer.from(value).toString('hex')}`))
}

function decimalOf(integer: bigint, scale: number): string {
  if (scale === 0) return String(integer)
  const digits = String(integer < 0n ? -integer : integer).padStart(scale + 1, '0')
  return `${integer < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
