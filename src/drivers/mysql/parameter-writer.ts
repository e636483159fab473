import type { Dates } from './dates.ts'
import type { Bound } from './encode.ts'

/** Types of parameters (MySQL documentation, "Column Types"): those `mysql2` sends, and LONGLONG. */
export const NULL = 6
const TINY = 1
const DOUBLE = 5
const LONGLONG = 8
const DATETIME = 12
const BLOB = 252
const VAR_STRING = 253

const SIZE = 64 * 1024
/** A larger one is left to the collector. */
const KEPT = 16 * 1024 * 1024
const UINT32 = 2 ** 32
/** Up to here a loop beats the call into native code. */
const SHORT = 48
/** Bytes of a length, at most, and of a text whose length takes one of them. */
const LENGTH = 9
const ONE_BYTE = 250

/** Writes values of parameters, as the binary protocol has them, into a buffer that grows. */
export class ParameterWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(SIZE)
  position = 0
  #view = viewOf(this.bytes)

  /** Returns the type. */
  write(value: Bound, dates: Dates): number {
    switch (typeof value) {
      case 'string':
        this.#text(value)
        return VAR_STRING
      case 'number':
        return this.#number(value)
      case 'boolean':
        this.#reserve(1)
        this.bytes[this.position++] = value ? 1 : 0
        return TINY
      default:
        return value === null ? NULL : this.#object(value, dates)
    }
  }

  /** A whole number is one to the server as well: a column of integers takes it as it is, and text gets all its digits. */
  #number(value: number): number {
    this.#reserve(8)
    const at = this.position
    this.position = at + 8
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      this.#view.setUint32(at, value >>> 0, true)
      this.#view.setInt32(at + 4, Math.floor(value / UINT32), true)
      return LONGLONG
    }
    this.#view.setFloat64(at, value, true)
    return DOUBLE
  }

  #object(value: Date | Buffer, dates: Dates): number {
    if (Buffer.isBuffer(value)) {
      this.#reserve(LENGTH + value.length)
      this.#length(value.length)
      this.bytes.set(value, this.position)
      this.position += value.length
      return BLOB
    }
    this.#reserve(12)
    this.bytes[this.position] = 11
    dates.write(this.#view, this.position + 1, value)
    this.position += 12
    return DATETIME
  }

  #text(text: string): void {
    const { length } = text
    this.#reserve(LENGTH + length * 3)
    if (length <= SHORT && this.#ascii(text)) return
    if (length * 3 <= ONE_BYTE) {
      const size = this.bytes.write(text, this.position + 1)
      this.bytes[this.position] = size
      this.position += 1 + size
    } else {
      this.#length(Buffer.byteLength(text))
      this.position += this.bytes.write(text, this.position)
    }
  }

  /** False, and nothing is written, where it holds anything else. */
  #ascii(text: string): boolean {
    const { bytes, position } = this
    const { length } = text
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 127) return false
      bytes[position + 1 + i] = unit
    }
    bytes[position] = length
    this.position = position + 1 + length
    return true
  }

  /** A length-encoded integer. */
  #length(size: number): void {
    if (size <= ONE_BYTE) {
      this.bytes[this.position++] = size
      return
    }
    const width = size < 2 ** 16 ? 2 : size < 2 ** 24 ? 3 : 8
    this.bytes[this.position] = width === 8 ? 0xfe : 0xfa + width
    this.bytes.writeUIntLE(size, this.position + 1, Math.min(width, 6))
    if (width === 8) this.bytes.writeUInt16LE(0, this.position + 7)
    this.position += 1 + width
  }

  #reserve(size: number): void {
    if (this.position + size > this.bytes.length) this.#grow(size)
  }

  #grow(size: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.position + size))
    this.bytes.copy(bytes, 0, 0, this.position)
    this.bytes = bytes
    this.#view = viewOf(bytes)
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

let spare: ParameterWriter | undefined

/** Lends a writer, the same one again unless a row's getter wants one meanwhile. */
export function withWriter<T>(use: (writer: ParameterWriter) => T): T {
  const writer = spare ?? new ParameterWriter()
  spare = undefined
  writer.position = 0
  try {
    return use(writer)
  } finally {
    if (writer.bytes.length <= KEPT) spare = writer
  }
}
