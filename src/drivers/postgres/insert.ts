import { AttemptError, type BatchInput } from '../../contract/driver.ts'
import { fieldOf } from '../../support/field.ts'
import { type Cursor, EncodeError, pinned } from '../kit/encode-error.ts'
import { putTextOrNull, writeUnusual } from './encode.ts'
import { putArrayHeader } from './encode-array.ts'
import type { ArrayColumn, ArrayMessages, Form } from './form.ts'
import { BIND, EXECUTE, SYNC } from './messages.ts'
import { Payload } from './payload.ts'
import type { Writer, WriterPool } from './writer.ts'

const BINARY = 1
/** The server takes no message of 1 GiB, and takes the memory for one as a whole. */
const MOST_BYTES = 128 * 1024 * 1024

/** The messages of a form, in binary or not. */
type MessagesOf = (binary: boolean) => ArrayMessages

/**
 * `INSERT … SELECT … FROM unnest(…)` as Bind, Execute and Sync, each column one binary array.
 *
 * @param most bytes of one message; a batch of several rows that is larger is to be split
 * @throws {AttemptError} naming the row that cannot be encoded, or none when the batch is too large
 */
export function planInsert(batch: BatchInput, form: Form, pool: WriterPool, most = MOST_BYTES): Payload {
  return plan(batch, form, form.insert, pool, most)
}

/** The same rows for statements that insert those the table takes and tell of the others; `undefined` for too large a batch. */
export function planSalvage(batch: BatchInput, form: Form, pool: WriterPool): Payload | undefined {
  try {
    return plan(batch, form, form.salvage, pool, MOST_BYTES)
  } catch {
    return undefined
  }
}

/** Whether it is in binary. */
export function fillInsert(batch: BatchInput, form: Form, writer: Writer): boolean {
  return fill(batch, form, form.insert, writer, MOST_BYTES)
}

function plan(batch: BatchInput, form: Form, messagesOf: MessagesOf, pool: WriterPool, most: number): Payload {
  const writer = pool.take()
  try {
    const binary = fill(batch, form, messagesOf, writer, most)
    form.learn(binary)
    const { prepare, preparations } = messagesOf(binary)
    return new Payload('INSERT', prepare.text, preparations, writer, pool)
  } catch (error) {
    pool.give(writer)
    throw error
  }
}

function fill(batch: BatchInput, form: Form, messagesOf: MessagesOf, writer: Writer, most: number): boolean {
  return (
    (form.triesBinary && write(batch, messagesOf(true), writer, most)) || !write(batch, messagesOf(false), writer, most)
  )
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
  const { name, write } = column
  cursor.column = columns.indexOf(name)
  const length = writer.openLength()
  putArrayHeader(writer, column.elementOid, [rows.length])
  for (cursor.row = 0; cursor.row < rows.length; cursor.row++) {
    const value = fieldOf(rows[cursor.row]!, name)
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
