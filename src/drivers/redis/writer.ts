import { isUint8Array } from 'node:util/types'
import { textOf } from './encode.ts'

const CR = 0x0d
const LF = 0x0a
const DOLLAR = 0x24
const ASTERISK = 0x2a
const ZERO = 0x30
const SHORT_TEXT = 48
/** `$`, up to ten digits, and two line ends. */
const FRAME = 16

/** Commands as the wire protocol wants them (RESP: arrays of bulk strings), in a buffer that grows as it is written. */
export class RespWriter {
  bytes: Buffer
  position = 0

  /** @param size bytes to begin with */
  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size)
  }

  /** Opens a command of `length` parts, its name included. */
  array(length: number): void {
    this.#reserve(FRAME)
    this.#head(ASTERISK, length)
  }

  /** @throws {EncodeError} for what has no text: NULL, functions, symbols, Maps, invalid dates, circular objects */
  bulk(value: unknown): void {
    if (typeof value === 'string') this.text(value)
    else if (isUint8Array(value)) this.binary(value)
    else this.text(textOf(value))
  }

  text(text: string): void {
    if (text.length > SHORT_TEXT || !this.#ascii(text)) this.#encoded(text)
  }

  binary(bytes: Uint8Array): void {
    this.#reserve(bytes.length + FRAME)
    this.#head(DOLLAR, bytes.length)
    this.bytes.set(bytes, this.position)
    this.position += bytes.length
    this.#line()
  }

  /** What is in the protocol's form already. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.bytes.set(bytes, this.position)
    this.position += bytes.length
  }

  /** A loop beats the call into native code for short texts; anything but plain ASCII is left to that call. */
  #ascii(text: string): boolean {
    const length = text.length
    const start = this.position
    this.#reserve(length + FRAME)
    this.#head(DOLLAR, length)
    const { bytes, position } = this
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 127) {
        this.position = start
        return false
      }
      bytes[position + i] = unit
    }
    this.position = position + length
    this.#line()
    return true
  }

  #encoded(text: string): void {
    const length = Buffer.byteLength(text)
    this.#reserve(length + FRAME)
    this.#head(DOLLAR, length)
    this.position += this.bytes.write(text, this.position)
    this.#line()
  }

  #head(kind: number, count: number): void {
    const { bytes } = this
    bytes[this.position++] = kind
    let digits = 1
    for (let rest = count; rest >= 10; rest = Math.trunc(rest / 10)) digits++
    let rest = count
    for (let at = this.position + digits - 1; at >= this.position; at--) {
      bytes[at] = ZERO + (rest % 10)
      rest = Math.trunc(rest / 10)
    }
    this.position += digits
    this.#line()
  }

  #line(): void {
    this.bytes[this.position++] = CR
    this.bytes[this.position++] = LF
  }

  #reserve(size: number): void {
    if (this.position + size <= this.bytes.length) return
    const bytes = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.position + size))
    this.bytes.copy(bytes, 0, 0, this.position)
    this.bytes = bytes
  }
}

/** Bulk strings for good: the constant parts of commands. */
export function bulks(...texts: string[]): Buffer {
  const writer = new RespWriter(256)
  for (const text of texts) writer.text(text)
  return writer.bytes.subarray(0, writer.position)
}
