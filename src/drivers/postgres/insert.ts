import { AttemptError, type BatchInput } from '../../contract/driver.ts'
import { fieldOf } from '../../support/field.ts'
import { type Cursor, EncodeError, pinned } from '../kit/encode-error.ts'
import { putTextOrNull, writeUnusual } from './encode.ts'
import { putArrayHeader } from './encode-array.ts'
import { hasToPostgres, TEXTS } from './encode-text.ts'
import type { ArrayColumn, ArrayMessages, Form } from './form.ts'
import { BIND, EXECUTE, SYNC } from './messages.ts'
import { Payload } from './payload.ts'
import type { Writer, WriterPool } from './writer.ts'

const BINARY = 1
/** The server takes no message of 1 GiB, and takes the memory for one as a whole. */
const MOST_BYTES = 128 * 1024 * 1024

/**
 * `INSERT … SELECT unnest(…), …`, or a DELETE by such arrays, as Bind, Execute and Sync, each column one binary array.
 *
 * @param most bytes of one message; a batch of several rows that is larger is to be split
 * @throws {AttemptError} naming the row that cannot be encoded, or none when the batch is too large
 */
export function planInsert(batch: BatchInput, form: Form, pool: WriterPool, most = MOST_BYTES): Payload {
  const writer = pool.take(form.zone)
  try {
    const binary = fillInsert(batch, form, writer, most)
    form.learn(binary)
    return payloadOf(form.arrays(binary), writer, pool)
  } catch (error) {
    pool.give(writer)
    throw error
  }
}

/** Whether it is in binary. */
export function fillInsert(batch: BatchInput, form: Form, writer: Writer, most = MOST_BYTES): boolean {
  const binary = form.triesBinary && write(batch, form.arrays(true), writer, most)
  return binary || !write(batch, form.arrays(false), writer, most)
}

/**
 * The same rows for statements that insert those the table takes and tell of the others, in up to two ways: a server that
 * cannot read the binary form of a value refuses all of them at once, while texts are read row by row.
 */
export function* planSalvage(batch: BatchInput, form: Form, pool: WriterPool): Generator<Payload, void> {
  const binary = salvagePayload(batch, form, pool, true)
  if (binary !== undefined) yield binary
  if (binary !== undefined && holdsBinary(batch, form)) return
  const text = salvagePayload(batch, form, pool, false)
  if (text !== undefined) yield text
}

function salvagePayload(batch: BatchInput, form: Form, pool: WriterPool, binary: boolean): Payload | undefined {
  const messages = form.salvage(binary)
  const writer = pool.take(form.zone)
  try {
    if (write(batch, messages, writer, MOST_BYTES)) return payloadOf(messages, writer, pool)
  } catch {} // too large, or a text that is none
  pool.give(writer)
  return undefined
}

/** A value is what the application says is its binary form: as text it would be another one. */
function holdsBinary({ rows, columns }: BatchInput, { texts, zone }: Form): boolean {
  const suspects = columns.filter((_, i) => texts[i] !== TEXTS[zone].asBytea)
  return rows.some((row) =>
    suspects.some((column) => {
      const value = fieldOf(row, column)
      return ArrayBuffer.isView(value) || hasToPostgres(value)
    }),
  )
}

function payloadOf({ name, prepare, preparations }: ArrayMessages, writer: Writer, pool: WriterPool): Payload {
  return new Payload(name, prepare.text, preparations, writer, pool)
}

/** False when a value has no binary form; the writer is then started over. */
function write(batch: BatchInput, { prepare, columns, after }: ArrayMessages, writer: Writer, most: number): boolean {
  writer.position = 0
  writer.reserve(1)
  writer.bytes[writer.position++] = BIND
  const length = writer.openLength()
  writer.raw(Buffer.from(`\0${prepare.name}\0`))
  writer.int16(1) // one format for all parameters
  writer.int16(BINARY)
  writer.int16(columns.length)
  const complete = pinned(batch.columns, (cursor) =>
    columns.every((column) => writeColumn(writer, batch, column, cursor, most)),
  )
  if (!complete) return false
  writer.int16(0) // formats of the result, which has no columns
  writer.closeLength(length, 4)
  writer.raw(EXECUTE)
  writer.raw(after)
  writer.raw(SYNC)
  return true
}

function writeColumn(
  writer: Writer,
  { rows, columns }: BatchInput,
  column: ArrayColumn,
  cursor: Cursor,
  most: number,
): boolean {
  const { property, write } = column
  cursor.column = columns.indexOf(property)
  const length = writer.openLength()
  putArrayHeader(writer, column.elementOid, [rows.length])
  for (cursor.row = 0; cursor.row < rows.length; cursor.row++) {
    const value = fieldOf(rows[cursor.row]!, property)
    if (value === null || value === undefined) writer.int32(-1)
    else if (write === undefined) putTextOrNull(writer, column.toText(value))
    else if (!write(writer, value) && !writeUnusual(writer, write, value)) return false
    if (writer.position > most && rows.length > 1) throw tooLarge()
  }
  writer.closeLength(length, 0)
  return true
}

/** Names no row: each of them may be sent by itself. */
function tooLarge(): AttemptError {
  return new AttemptError(new EncodeError('the batch is larger than one message may be, and is split'), {})
}
