import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { CliError } from '../errors.ts'
import { BEGINNING, type Entry, entryOf, type Place, type ReadOptions } from './entry.ts'
import type { Pipe } from './pipe.ts'

const LINE_FEED = 10
const RETURN = 13
const QUOTE = 34
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
 * @param quoted a line break between quotes ends no record
 * @param from begins behind it: at once in a file, by reading up to it in a pipe
 */
export async function* readRecords(
  file: TextFile,
  quoted: boolean,
  from: Place,
  options: ReadOptions,
): AsyncGenerator<readonly Entry[]> {
  const split = new Splitter(file.name, quoted, file.pipe === undefined ? from : BEGINNING)
  try {
    for await (const chunk of await chunksOf(file, from.offset, options)) yield behind(split.push(chunk), from.record)
    if (options.signal?.aborted !== true) yield behind(split.end(), from.record)
  } catch (error) {
    if (options.signal?.aborted !== true) throw error
  }
}

async function chunksOf(
  { path, name, pipe }: TextFile,
  offset: number,
  options: ReadOptions,
): Promise<AsyncIterable<Buffer>> {
  if (pipe !== undefined) return pipe.chunks(options)
  if (offset > 0) await checkOffset(path, name, offset)
  return createReadStream(path, {
    highWaterMark: CHUNK,
    start: offset,
    ...(options.signal && { signal: options.signal }),
  })
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
  throw new CliError(
    `${name} is not the file that was loaded before: where that stopped (byte ${offset}) no line begins; ` +
      'give this one a name of its own by --resume-as',
  )
}

/** A pipe is read from its beginning again. */
function behind(entries: readonly Entry[], record: number): readonly Entry[] {
  const [first] = entries
  if (first === undefined || Number.parseInt(first.position, 10) > record) return entries
  return entries.filter(({ position }) => Number.parseInt(position, 10) > record)
}

class Splitter {
  readonly #name: string
  readonly #quoted: boolean
  #rest: Buffer = Buffer.alloc(0)
  /** How much of the rest was searched: the record it belongs to goes on. */
  #searched = 0
  /** Lines of it. */
  #lines = 0
  #isOpen = false
  #record: number
  #offset: number
  #line: number

  constructor(name: string, quoted: boolean, { record, offset, line }: Place) {
    this.#name = name
    this.#quoted = quoted
    this.#record = record
    this.#offset = offset
    this.#line = line
  }

  push(chunk: Buffer): Entry[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const entries: Entry[] = []
    let start = 0
    let from = this.#searched
    let quote = this.#nextQuote(bytes, from)
    for (let at = bytes.indexOf(LINE_FEED, from); at !== -1; at = bytes.indexOf(LINE_FEED, from)) {
      for (; quote < at; quote = this.#nextQuote(bytes, quote + 1)) this.#isOpen = !this.#isOpen
      this.#lines++
      from = at + 1
      if (this.#isOpen) continue
      this.#add(entries, bytes.subarray(start, from), at - start)
      start = from
    }
    this.#rest = bytes.subarray(start)
    this.#searched = from - start
    if (this.#rest.length <= LONGEST) return entries
    throw new CliError(`${this.#where()}: a record is longer than 16 MiB, or a quote is not closed`)
  }

  /** The last line needs no line feed. */
  end(): Entry[] {
    const entries: Entry[] = []
    const { length } = this.#rest
    if (length === 0) return entries
    let quote = this.#nextQuote(this.#rest, this.#searched)
    for (; quote < length; quote = this.#nextQuote(this.#rest, quote + 1)) this.#isOpen = !this.#isOpen
    if (this.#isOpen) throw new CliError(`${this.#where()}: a quote is opened in this record and never closed`)
    this.#lines++
    this.#add(entries, this.#rest, length)
    return entries
  }

  #nextQuote(bytes: Buffer, from: number): number {
    const at = this.#quoted ? bytes.indexOf(QUOTE, from) : -1
    return at === -1 ? Number.POSITIVE_INFINITY : at
  }

  #add(entries: Entry[], bytes: Buffer, end: number): void {
    const line = this.#line + 1
    const text = this.#text(bytes, end)
    this.#offset += bytes.length
    this.#line += this.#lines
    this.#lines = 0
    if (text === '' || text.trim() === '') return
    this.#record++
    entries.push(entryOf({ record: this.#record, offset: this.#offset, line: this.#line }, line, text))
  }

  #text(bytes: Buffer, end: number): string {
    const to = end > 0 && bytes[end - 1] === RETURN ? end - 1 : end
    if (!isUtf8(bytes)) throw new CliError(`${this.#where()}: the text is no UTF-8`)
    const text = bytes.toString('utf8', 0, to)
    return this.#offset === 0 && text.startsWith('\ufeff') ? text.slice(1) : text
  }

  #where(): string {
    return `${this.#name}:${this.#line + 1}`
  }
}
