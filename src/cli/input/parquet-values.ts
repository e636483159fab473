import type { ParquetParsers, SchemaElement } from 'hyparquet'
import { parseJson } from './values.ts'

const DAY_MS = 86_400_000
const decoder = new TextDecoder()

/** Times as texts, as a Date would lose what is below a millisecond; JSON with all digits of its numbers. */
export const PARSERS: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (value) => timeOf(value, 3),
  timestampFromMicroseconds: (value) => timeOf(value, 6),
  timestampFromNanoseconds: (value) => timeOf(value, 9),
  dateFromDays: (days) => new Date(days * DAY_MS).toISOString().slice(0, 10),
  jsonFromBytes: (bytes) => bytes && parseJson(decoder.decode(bytes)),
}

const TWO = Array.from({ length: 60 }, (_, i) => String(i).padStart(2, '0'))
const MINUTE = 60
const HOUR = 3600
const DAY = 86_400
/** The day that was asked for last: times in a file come day by day. */
let day = { number: Number.NaN, text: '' }

/** `digits`: those behind the second that the unit has. */
function timeOf(value: bigint | number, digits: number): string {
  const number = Number(value)
  const [seconds, rest] = Number.isSafeInteger(number) ? split(number, 10 ** digits) : splitWide(value, digits)
  const [days, time] = split(seconds, DAY)
  if (days !== day.number) day = { number: days, text: new Date(days * DAY_MS).toISOString().slice(0, -14) }
  const clock = `${TWO[Math.floor(time / HOUR)]}:${TWO[Math.floor(time / MINUTE) % 60]}:${TWO[time % 60]}`
  const fraction = rest === 0 ? '' : `.${String(rest).padStart(digits, '0')}`
  return `${day.text}T${clock}${fraction}Z`
}

function split(value: number, unit: number): [whole: number, rest: number] {
  const whole = Math.floor(value / unit)
  return [whole, value - whole * unit]
}

function splitWide(value: bigint | number, digits: number): [whole: number, rest: number] {
  const unit = 10n ** BigInt(digits)
  const rest = ((BigInt(value) % unit) + unit) % unit
  return [Number((BigInt(value) - rest) / unit), Number(rest)]
}

export type Reading = (value: unknown) => unknown

/**
 * What a value of a column still needs: decimals are read as the integers they are stored as, since a double would not hold
 * them; times too, as one is made a text of when its row is made and not before. `undefined`: nothing.
 */
export function readingOf(element: SchemaElement): Reading | undefined {
  const { converted_type: converted, logical_type: logical, scale = 0 } = element
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') {
    return asStored(element, (value) => decimalOf(integerOf(value), scale))
  }
  const digits = digitsOf(element)
  if (digits === undefined) return undefined
  const isLocal = logical?.type === 'TIMESTAMP' && !logical.isAdjustedToUTC
  return asStored(element, (value) => {
    const text = timeOf(value as bigint, digits)
    return isLocal ? text.slice(0, -1) : text
  })
}

const UNITS: Readonly<Record<string, number>> = { MILLIS: 3, MICROS: 6, NANOS: 9 }

/** Of a time: the digits behind the second. */
function digitsOf({ type, converted_type: converted, logical_type: logical }: SchemaElement): number | undefined {
  if (type !== 'INT64') return undefined
  return logical?.type === 'TIMESTAMP' ? UNITS[logical.unit] : UNITS[converted?.replace(/^TIMESTAMP_/, '') ?? '']
}

function asStored(element: SchemaElement, reading: Reading): Reading {
  delete element.converted_type
  delete element.logical_type
  return (value) => (value === null || value === undefined ? value : reading(value))
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
