import type { WriteBinary, Writer } from './writer.ts'

const UINT32 = 4294967296

export const writeInt2: WriteBinary = (writer, value) => {
  const number = typeof value === 'number' ? value : integerOf(value)
  if ((number << 16) >> 16 !== number) return false
  writer.reserve(6)
  writer.view.setInt32(writer.position, 2)
  writer.view.setInt16(writer.position + 4, number)
  writer.position += 6
  return true
}

export const writeInt4: WriteBinary = (writer, value) => {
  const number = typeof value === 'number' ? value : integerOf(value)
  if ((number | 0) !== number) return false
  writer.reserve(8)
  writer.view.setInt32(writer.position, 4)
  writer.view.setInt32(writer.position + 4, number)
  writer.position += 8
  return true
}

export const writeInt8: WriteBinary = (writer, value) => {
  if (typeof value === 'number' && Number.isSafeInteger(value)) {
    putInt8(writer, value)
    return true
  }
  const big = bigintOf(value)
  if (big === undefined || BigInt.asIntN(64, big) !== big) return false
  writer.reserve(12)
  writer.view.setInt32(writer.position, 8)
  writer.view.setBigInt64(writer.position + 4, big)
  writer.position += 12
  return true
}

/** An eight-byte value from a safe integer, without a bigint on the way. */
export function putInt8(writer: Writer, value: number): void {
  writer.reserve(12)
  const at = writer.position
  writer.view.setInt32(at, 8)
  writer.view.setInt32(at + 4, Math.floor(value / UINT32))
  writer.view.setInt32(at + 8, value >>> 0)
  writer.position = at + 12
}

/** NaN, which no range check lets pass, for anything but the plain decimal notation of an integer. */
function integerOf(value: unknown): number {
  if (typeof value === 'bigint') return Number(value)
  return typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN
}

/** Numbers too big to be exact go through their decimal notation, because that is what a bound parameter stores. */
function bigintOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  const text = typeof value === 'number' ? String(value) : value
  return typeof text === 'string' && /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined
}

export const writeFloat8: WriteBinary = (writer, value) => {
  const number = floatOf(value)
  if (number === undefined) return false
  writer.reserve(12)
  writer.view.setInt32(writer.position, 8)
  writer.view.setFloat64(writer.position + 4, number)
  writer.position += 12
  return true
}

/** Only where rounding twice (decimal to double to float) is safe and the server would not call it out of range. */
export const writeFloat4: WriteBinary = (writer, value) => {
  const number = floatOf(value)
  if (number === undefined) return false
  const rounded = Math.fround(number)
  if (Number.isFinite(number) && rounded !== number && !roundsSafely(number, rounded)) return false
  writer.reserve(8)
  writer.view.setInt32(writer.position, 4)
  writer.view.setFloat32(writer.position + 4, rounded)
  writer.position += 8
  return true
}

const scratch = new DataView(new ArrayBuffer(8))

function roundsSafely(number: number, rounded: number): boolean {
  if (!Number.isFinite(rounded) || Math.abs(rounded) < 2 ** -126) return false
  scratch.setFloat64(0, number)
  return (scratch.getUint32(4) & 0x1fffffff) !== 0x10000000 // half-way between two floats
}

/** The decimal notation has no negative zero, so a bound parameter stores plain zero. */
function floatOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value + 0
  if (typeof value === 'bigint') return Number(value)
  if (typeof value !== 'string' || !/^-?\d{1,15}(?:\.\d{1,15})?$/.test(value)) return undefined
  return value.startsWith('-') && Number(value) === 0 ? undefined : Number(value)
}

const POSITIVE = 0x0000
const NEGATIVE = 0x4000
const NOT_A_NUMBER = 0xc000

/** `numeric`: groups of four decimal digits, the weight of the first, and how many digits follow the point. */
export const writeNumeric: WriteBinary = (writer, value) => {
  if (typeof value === 'number') {
    const scaled = Math.round(value * 10_000)
    if (scaled / 10_000 === value && Math.abs(scaled) < 1e15) {
      putScaled(writer, scaled, scaleOf(Math.abs(scaled) % 10_000))
      return true
    }
    if (Number.isNaN(value)) {
      putNumeric(writer, '', 0, NOT_A_NUMBER, 0)
      return true
    }
  }
  if (typeof value === 'string' && putPlain(writer, value)) return true
  const parts = typeof value === 'object' || typeof value === 'boolean' ? null : DECIMAL.exec(String(value))
  return parts !== null && putDecimal(writer, parts)
}

const DECIMAL = /^([+-]?)(\d{1,2000})(?:\.(\d{0,2000}))?(?:e([+-]\d{1,3}))?$/

/** So many characters of a text are a safe integer of ten-thousandths. */
const SAFE_TEXT = 11
const DASH = 0x2d
const ZERO = 0x30

/** Digits with at most four of them behind a point: most texts, read without the detour through a regular expression. */
function putPlain(writer: Writer, text: string): boolean {
  const { length } = text
  const start = text.charCodeAt(0) === DASH ? 1 : 0
  const dot = text.indexOf('.')
  const scale = dot === -1 ? 0 : length - dot - 1
  if (length > SAFE_TEXT || length === start || dot === start || scale > 4) return false
  let scaled = 0
  for (let i = start; i < length; i++) {
    if (i === dot) continue
    const digit = text.charCodeAt(i) - ZERO
    if (!(digit >= 0 && digit <= 9)) return false
    scaled = scaled * 10 + digit
  }
  for (let i = scale; i < 4; i++) scaled *= 10
  putScaled(writer, start === 1 ? -scaled : scaled, scale)
  return true
}

/** Ten-thousandths: most prices, rates and counts, with no detour through a text. */
function putScaled(writer: Writer, scaled: number, scale: number): void {
  const magnitude = Math.abs(scaled)
  const fraction = magnitude % 10_000
  let whole = Math.floor(magnitude / 10_000)
  let groups = 0
  for (let rest = whole; rest > 0; rest = Math.floor(rest / 10_000)) groups++
  const count = groups + (fraction > 0 ? 1 : 0)
  const start = putHeader(writer, count, groups - 1, scaled < 0 ? NEGATIVE : POSITIVE, scale)
  for (let i = groups - 1; i >= 0; i--) {
    writer.view.setInt16(start + i * 2, whole % 10_000)
    whole = Math.floor(whole / 10_000)
  }
  if (fraction > 0) writer.view.setInt16(start + groups * 2, fraction)
}

function scaleOf(fraction: number): number {
  if (fraction === 0) return 0
  if (fraction % 10 !== 0) return 4
  if (fraction % 100 !== 0) return 3
  return fraction % 1000 !== 0 ? 2 : 1
}

function putDecimal(writer: Writer, [, sign, whole = '', fraction = '', exponent = '0']: RegExpExecArray): boolean {
  const digits = whole + fraction
  const point = whole.length + Number(exponent) // digits before the decimal point
  const scale = Math.max(0, fraction.length - Number(exponent))
  const negative = sign === '-' && /[1-9]/.test(digits)
  const padded = digits.padEnd(Math.max(digits.length, point), '0')
  const lead = (((-point % 4) + 4) % 4) + 0 // zeros that align the point with a group
  const weight = (point + lead) / 4 - 1
  putNumeric(writer, '0'.repeat(lead) + padded, weight, negative ? NEGATIVE : POSITIVE, scale)
  return true
}

function putNumeric(writer: Writer, digits: string, weight: number, sign: number, scale: number): void {
  const count = Math.ceil(digits.length / 4)
  const start = putHeader(writer, count, weight, sign, scale)
  for (let i = 0; i < count; i++) {
    writer.view.setInt16(start + i * 2, Number(digits.slice(i * 4, i * 4 + 4).padEnd(4, '0')))
  }
}

function putHeader(writer: Writer, count: number, weight: number, sign: number, scale: number): number {
  writer.reserve(12 + count * 2)
  const at = writer.position
  writer.view.setInt32(at, 8 + count * 2)
  writer.view.setInt16(at + 4, count)
  writer.view.setInt16(at + 6, weight)
  writer.view.setUint16(at + 8, sign)
  writer.view.setInt16(at + 10, scale)
  writer.position = at + 12 + count * 2
  return at + 12
}
