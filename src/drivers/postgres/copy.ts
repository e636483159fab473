import type { BatchInput } from '../../contract/driver.ts'
import { fieldOf } from '../../support/field.ts'
import { type Cursor, pinned } from '../kit/encode-error.ts'
import { writeUnusual } from './encode.ts'
import { writeField } from './encode-text.ts'
import type { Form } from './form.ts'
import { COPY_DATA, COPY_DONE } from './messages.ts'
import { Payload } from './payload.ts'
import type { Writer, WriterPool } from './writer.ts'

const TAB = 0x09
const NEWLINE = 0x0a
const NULL_FIELD = Buffer.from('\\N')
/** PostgreSQL documentation of COPY, "Binary Format": signature, no flags, no extension. */
const BINARY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
/** The server takes memory for each message as a whole. */
const CHUNK = 256 * 1024

/** The whole COPY as one run of messages: the query, the data in chunks, the end. */
export function planCopy(batch: BatchInput, form: Form, pool: WriterPool): Payload {
  const writer = pool.take(form.zone)
  try {
    const binary = fillCopy(batch, form, writer)
    form.learn(binary)
    const { text, preparations } = form.copy(binary)
    return new Payload('COPY', text, preparations, writer, pool)
  } catch (error) {
    pool.give(writer)
    throw error
  }
}

/** Whether it is in binary. */
export function fillCopy(batch: BatchInput, form: Form, writer: Writer): boolean {
  return (form.triesBinary && write(batch, form, writer, true)) || !write(batch, form, writer, false)
}

/** False when a value has no binary form; the writer then starts over. */
function write(batch: BatchInput, form: Form, writer: Writer, binary: boolean): boolean {
  const { before, after } = form.copy(binary)
  writer.position = 0
  writer.raw(before)
  const chunks = new Chunks(writer)
  if (binary) writer.raw(BINARY_HEADER)
  const writeRow = binary ? binaryRow : textRow
  const complete = pinned(batch.columns, (cursor) => {
    for (const row of batch.rows) {
      if (!writeRow(writer, form, row, cursor)) return false
      if (writer.position > chunks.limit) chunks.next()
      cursor.row++
    }
    return true
  })
  if (!complete) return false
  if (binary) writer.int16(-1)
  chunks.end()
  writer.raw(after)
  return true
}

function binaryRow(writer: Writer, form: Form, row: object, cursor: Cursor): boolean {
  const { columns, writers } = form
  writer.int16(columns.length)
  for (let i = 0; i < columns.length; i++) {
    cursor.column = i
    const value = fieldOf(row, columns[i]!)
    if (value === null || value === undefined) writer.int32(-1)
    else if (!writers[i]!(writer, value) && !writeUnusual(writer, writers[i]!, value)) return false
  }
  return true
}

function textRow(writer: Writer, form: Form, row: object, cursor: Cursor): boolean {
  const { columns, texts } = form
  for (let i = 0; i < columns.length; i++) {
    cursor.column = i
    const text = texts[i]!(fieldOf(row, columns[i]!))
    if (text === null) writer.raw(NULL_FIELD)
    else writeField(writer, text)
    writer.reserve(1)
    writer.bytes[writer.position++] = TAB
  }
  writer.bytes[writer.position - 1] = NEWLINE
  return true
}

/** Cuts what is written into CopyData messages, between rows. */
class Chunks {
  /** Past this position the next row belongs to a new message. */
  limit = 0
  readonly #writer: Writer
  #length = 0

  constructor(writer: Writer) {
    this.#writer = writer
    this.#open(COPY_DATA)
  }

  next(): void {
    this.#writer.closeLength(this.#length, 4)
    this.#open(COPY_DATA)
  }

  end(): void {
    this.#writer.closeLength(this.#length, 4)
    this.#open(COPY_DONE)
    this.#writer.closeLength(this.#length, 4)
  }

  #open(kind: number): void {
    this.#writer.reserve(5)
    this.#writer.bytes[this.#writer.position++] = kind
    this.#length = this.#writer.openLength()
    this.limit = this.#writer.position + CHUNK
  }
}
