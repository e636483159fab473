import { isUint8Array } from 'node:util/types'
import { textOf } from './encode.ts'

/** Texts longer than this are measured by native code, which costs a call. */
const SHORT_TEXT = 48
/** Characters that are kept as text before they become bytes. */
const CHUNK = 64 * 1024

/** Where a writer stood. */
export interface Mark {
  readonly text: string
  readonly position: number
}

/**
 * Commands as the wire protocol wants them (RESP: arrays of bulk strings). They are put together as text, whose parts V8 joins
 * without copying, and become bytes many at a time.
 */
export class RespWriter {
  #bytes: Buffer
  /** How many of them are written. */
  #end = 0
  /** What comes after those, and how many bytes it will be. */
  #text = ''
  #pending = 0

  /** @param size bytes to begin with */
  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size)
  }

  /** How many bytes there are. */
  get position(): number {
    return this.#end + this.#pending
  }

  get bytes(): Buffer {
    this.#flush()
    return this.#bytes.subarray(0, this.#end)
  }

  mark(): Mark {
    return { text: this.#text, position: this.position }
  }

  /** Forgets what was written since. */
  reset({ text, position }: Mark): void {
    const isBytes = position < this.#end
    this.#end = isBytes ? position : this.#end
    this.#text = isBytes ? '' : text
    this.#pending = position - this.#end
  }

  /** Opens a command of `length` parts, its name included. */
  array(length: number): void {
    this.raw(`*${length}\r\n`)
  }

  /** @throws {EncodeError} for what has no text: NULL, functions, symbols, Maps, invalid dates, circular objects */
  bulk(value: unknown): void {
    if (typeof value === 'string') this.text(value)
    else if (isUint8Array(value)) this.binary(value)
    else this.text(textOf(value))
  }

  text(text: string): void {
    const length = byteLengthOf(text)
    const head = `$${length}\r\n`
    this.#text += `${head}${text}\r\n`
    this.#pending += head.length + length + 2
    if (this.#pending > CHUNK) this.#flush()
  }

  binary(bytes: Uint8Array): void {
    this.raw(`$${bytes.length}\r\n`)
    this.#flush()
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#end)
    this.#end += bytes.length
    this.raw('\r\n')
  }

  /** What is in the protocol's form already. */
  raw(text: string, length = text.length): void {
    this.#text += text
    this.#pending += length
  }

  #flush(): void {
    if (this.#pending === 0) return
    this.#reserve(this.#pending)
    const isAscii = this.#pending === this.#text.length
    this.#end += this.#bytes.write(this.#text, this.#end, isAscii ? 'latin1' : 'utf8')
    this.#text = ''
    this.#pending = 0
  }

  #reserve(size: number): void {
    if (this.#end + size <= this.#bytes.length) return
    const bytes = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#end + size))
    this.#bytes.copy(bytes, 0, 0, this.#end)
    this.#bytes = bytes
  }
}

/** A loop beats the call for short texts. */
function byteLengthOf(text: string): number {
  const { length } = text
  if (length > SHORT_TEXT) return Buffer.byteLength(text)
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 127) return Buffer.byteLength(text)
  return length
}

/** Parts of commands that are always the same, in the protocol's form. */
export class Constant {
  readonly text: string
  readonly byteLength: number

  constructor(text: string) {
    this.text = text
    this.byteLength = Buffer.byteLength(text)
  }
}

/** Bulk strings for good. */
export function bulks(...texts: string[]): Constant {
  return new Constant(texts.map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`).join(''))
}
