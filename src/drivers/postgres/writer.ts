import { EncodeError } from '../kit/encode-error.ts'
import type { DateZone } from './date-zone.ts'

const SMALL = 64 * 1024
const KEEP_BYTES = 16 * 1024 * 1024
const SHORT_TEXT = 48

/** A buffer that grows as it is written, big-endian as the wire protocol wants it. */
export class Writer {
  bytes: Buffer
  view: DataView
  position = 0
  /** For dates. */
  zone: DateZone = 'local'

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.view = viewOf(this.bytes)
  }

  /** Makes room for `size` more bytes; the caller then writes through `bytes` or `view` and moves `position`. */
  reserve(size: number): void {
    if (this.position + size > this.bytes.length) this.grow(size)
  }

  int16(value: number): void {
    this.reserve(2)
    this.view.setInt16(this.position, value)
    this.position += 2
  }

  int32(value: number): void {
    this.reserve(4)
    this.view.setInt32(this.position, value)
    this.position += 4
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.position)
    this.position += bytes.length
  }

  /** Leaves room for a length that {@link closeLength} fills in, and returns where. */
  openLength(): number {
    this.reserve(4)
    const at = this.position
    this.position += 4
    return at
  }

  /** `own`: bytes the length counts beside what follows it; messages count their length field, values do not. */
  closeLength(at: number, own: 0 | 4): void {
    this.view.setInt32(at, this.position - at - 4 + own)
  }

  /** UTF-8 behind its length in bytes. @throws {EncodeError} on a NUL character, which no PostgreSQL text can hold */
  text(text: string): void {
    const length = text.length
    this.reserve(4 + length * 3)
    const at = this.position
    this.position = at + 4
    if (length > SHORT_TEXT || !this.ascii(text)) this.encoded(text)
    this.view.setInt32(at, this.position - at - 4)
  }

  /** UTF-8 without a length. @throws {EncodeError} on a NUL character */
  utf8(text: string): void {
    this.reserve(text.length * 3)
    if (text.length > SHORT_TEXT || !this.ascii(text)) this.encoded(text)
  }

  /** A loop beats the call into native code for short texts; anything but plain ASCII is left to that call. */
  private ascii(text: string): boolean {
    const { bytes, position } = this
    const length = text.length
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit === 0 || unit > 127) return false
      bytes[position + i] = unit
    }
    this.position = position + length
    return true
  }

  private encoded(text: string): void {
    if (text.includes('\0')) throw new EncodeError('text must not contain a NUL character')
    this.position += this.bytes.write(text, this.position)
  }

  private grow(size: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.position + size))
    this.bytes.copy(bytes, 0, 0, this.position)
    this.bytes = bytes
    this.view = viewOf(bytes)
  }
}

/** Writers waiting to be used again, up to 16 MiB of them; the rest is left to the collector. */
export class WriterPool {
  readonly #free: Writer[] = []
  #bytes = 0

  take(zone: DateZone = 'local'): Writer {
    const writer = this.#used() ?? new Writer(SMALL)
    writer.position = 0
    writer.zone = zone
    return writer
  }

  #used(): Writer | undefined {
    const writer = this.#free.pop()
    if (writer !== undefined) this.#bytes -= writer.bytes.length
    return writer
  }

  lend<T>(use: (writer: Writer) => T): T {
    const writer = this.take()
    try {
      return use(writer)
    } finally {
      this.give(writer)
    }
  }

  give(writer: Writer): void {
    if (this.#bytes + writer.bytes.length > KEEP_BYTES) return
    this.#bytes += writer.bytes.length
    this.#free.push(writer)
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * Writes one value that is neither null nor undefined, its length in front, in the binary form of one type. Returns
 * false, with the writer in any state, when the value's meaning is for the server to decide: then the whole batch goes
 * as text. What is stored is in both cases what `pg` would have stored for a bound parameter.
 */
export type WriteBinary = (writer: Writer, value: unknown) => boolean
