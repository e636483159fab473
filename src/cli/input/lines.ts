import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { CliError } from '../errors.ts'
import { BEGINNING, type Entry, type Place, type ReadOptions } from './entry.ts'
import { type FilePrint, OtherFileError } from './file-print.ts'
import type { Pipe } from './pipe.ts'

const LINE_FEED = 10
const SPACE = 32
const LAST_ASCII = 127
const BYTE_ORDER_MARK = '\ufeff'
const CHUNK = 256 * 1024
/** Bytes of one record. A quote that is never closed, or a file that has no lines, should not fill the memory. */
const LONGEST = 16 * 1024 * 1024

/** A file, or standard input. */
export interface TextFile {
  readonly name: string
  readonly path: string
  readonly pipe?: Pipe | undefined
}

/**
 * Records of a text, by the lines they are made of. Empty ones are passed over. Strict about UTF-8: what is none would
 * otherwise be stored as something else.
 *
 * @param delimiter of fields that may be quoted: a line break between quotes ends no record
 * @param from begins behind it: at once in a file, by reading up to it in a pipe
 */
export async function* readRecords(
  file: TextFile,
  delimiter: string | undefined,
  from: Place,
  options: ReadOptions,
): AsyncGenerator<readonly Entry[]> {
  const split = new Splitter(file.name, delimiter, file.pipe === undefined ? from : BEGINNING)
  try {
    for await (const chunk of await chunksOf(file, from, options)) yield behind(file.name, split.push(chunk), from)
    if (options.signal?.aborted !== true) yield behind(file.name, split.end(), from)
  } catch (error) {
    if (options.signal?.aborted !== true) throw error
  }
}

async function chunksOf(
  { path, name, pipe }: TextFile,
  from: Place,
  options: ReadOptions,
): Promise<AsyncIterable<Buffer>> {
  const { signal, print } = options
  if (pipe !== undefined) return print === undefined ? pipe.chunks(options) : checked(pipe, name, from, options)
  if (from.offset > 0) {
    await print?.pushFile(path, from.offset, signal)
    print?.check(name, from)
    await checkOffset(path, name, from.offset)
  }
  const chunks = createReadStream(path, { highWaterMark: CHUNK, start: from.offset, ...(signal && { signal }) })
  return print === undefined ? chunks : printed(chunks, print)
}

async function* printed(chunks: AsyncIterable<Buffer>, print: FilePrint): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    print.push(chunk)
    yield chunk
  }
}

/** What is passed over in a pipe is checked once it has come. */
async function* checked(pipe: Pipe, name: string, from: Place, options: ReadOptions): AsyncGenerator<Buffer> {
  const print = options.print!
  let isChecked = false
  for await (const chunk of printed(pipe.chunks(options), print)) {
    if (!isChecked && print.length >= from.offset) {
      print.check(name, from)
      isChecked = true
    }
    yield chunk
  }
  if (!isChecked && options.signal?.aborted !== true) print.check(name, from)
}

/** A position in another file than the one it was taken from would be in the middle of a line. */
async function checkOffset(path: string, name: string, offset: number): Promise<void> {
  const handle = await open(path)
  try {
    const { size } = await handle.stat()
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(1), 0, 1, offset - 1)
    if (offset === size || (bytesRead === 1 && buffer[0] === LINE_FEED)) return
  } finally {
    await handle.close()
  }
  throw new OtherFileError(name, `the line that ended where it stopped (byte ${offset})`)
}

/** A pipe is read from its beginning again. */
function behind(name: string, entries: readonly Entry[], { record, offset, line }: Place): readonly Entry[] {
  const [first] = entries
  if (first === undefined || first.record > record) return entries
  const last = entries.find((entry) => entry.record === record)
  if (last !== undefined && last.offset !== offset) throw new OtherFileError(name, `line ${line}`)
  return entries.filter((entry) => entry.record > record)
}

/** Cuts a text into records. It is decoded many at a time, since what is cut out of one text is not copied. */
class Splitter {
  readonly #name: string
  readonly #delimiter: string | undefined
  /** Bytes behind the last line feed. */
  #tail: Buffer = Buffer.alloc(0)
  /** Whole lines of a record that goes on, as a quote is open. */
  #rest = ''
  /** Of the rest. */
  #bytes = 0
  #lines = 0
  #isOpen = false
  #record: number
  #offset: number
  #line: number

  constructor(name: string, delimiter: string | undefined, { record, offset, line }: Place) {
    this.#name = name
    this.#delimiter = delimiter
    this.#record = record
    this.#offset = offset
    this.#line = line
  }

  push(chunk: Buffer): Entry[] {
    const bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk])
    const end = bytes.lastIndexOf(LINE_FEED) + 1
    this.#tail = bytes.subarray(end)
    const entries = this.#cut(bytes.subarray(0, end))
    if (this.#rest.length + this.#tail.length <= LONGEST) return entries
    throw new CliError(`${this.#where()}: a record is longer than 16 MiB, or a quote is not closed`)
  }

  /** The last line needs no line feed. */
  end(): Entry[] {
    const entries: Entry[] = []
    const text = this.#rest + this.#decode(this.#tail)
    if (text === '') return entries
    this.#count(text, this.#nextQuote(text, this.#rest.length), text.length, 0)
    if (this.#isOpen) throw new CliError(`${this.#where()}: a quote is opened in this record and never closed`)
    this.#lines++
    this.#add(entries, text, this.#bytes + this.#tail.length)
    return entries
  }

  /** `bytes`: whole lines. */
  #cut(bytes: Buffer): Entry[] {
    const entries: Entry[] = []
    const text = this.#rest + this.#decode(bytes)
    const isPlain = text.length === this.#bytes + bytes.length
    let start = 0
    let from = this.#rest.length
    let quote = this.#nextQuote(text, from)
    for (let at = text.indexOf('\n', from); at !== -1; at = text.indexOf('\n', from)) {
      quote = this.#count(text, quote, at, start)
      this.#lines++
      from = at + 1
      if (this.#isOpen) continue
      this.#add(entries, text.slice(start, at), isPlain ? from - start : Buffer.byteLength(text.slice(start, from)))
      start = from
    }
    this.#rest = text.slice(start)
    this.#bytes = Buffer.byteLength(this.#rest)
    return entries
  }

  /**
   * Passes over the quotes before `end`; returns where the next one is. One inside a field opens nothing, as other lines would
   * be taken along with that; one right behind another that closed is a doubled one.
   *
   * @param start of the record
   */
  #count(text: string, from: number, end: number, start: number): number {
    let quote = from
    for (let closed = -1; quote < end; quote = this.#nextQuote(text, quote + 1)) {
      if (this.#isOpen) closed = quote
      else if (closed !== quote - 1 && !this.#beginsField(text, quote, start)) continue
      this.#isOpen = !this.#isOpen
    }
    return quote
  }

  #beginsField(text: string, at: number, start: number): boolean {
    if (at === start || (this.#offset === 0 && at === 1 && text.startsWith(BYTE_ORDER_MARK))) return true
    const delimiter = this.#delimiter!
    return at - delimiter.length >= start && text.startsWith(delimiter, at - delimiter.length)
  }

  #nextQuote(text: string, from: number): number {
    const at = this.#delimiter === undefined ? -1 : text.indexOf('"', from)
    return at === -1 ? Number.POSITIVE_INFINITY : at
  }

  #add(entries: Entry[], line: string, bytes: number): void {
    const firstLine = this.#line + 1
    const text = this.#offset === 0 && line.startsWith(BYTE_ORDER_MARK) ? line.slice(1) : line
    this.#offset += bytes
    this.#line += this.#lines
    this.#lines = 0
    const body = text.endsWith('\r') ? text.slice(0, -1) : text
    if (this.#delimiter === undefined ? isBlank(body) : body === '') return
    this.#record++
    entries.push({ record: this.#record, offset: this.#offset, line: this.#line, firstLine, text: body })
  }

  #decode(bytes: Buffer): string {
    if (isUtf8(bytes)) return bytes.toString()
    let line = this.#line + this.#lines + 1
    for (let from = 0; ; line++) {
      const end = bytes.indexOf(LINE_FEED, from) + 1 || bytes.length
      if (!isUtf8(bytes.subarray(from, end))) throw new CliError(`${this.#name}:${line}: the text is no UTF-8`)
      from = end
    }
  }

  #where(): string {
    return `${this.#name}:${this.#line + 1}`
  }
}

function isBlank(text: string): boolean {
  const first = text.charCodeAt(0)
  return (first > SPACE && first <= LAST_ASCII) === false && text.trim() === ''
}
