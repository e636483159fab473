import type { BatchInput } from '../../contract/driver.ts'
import { fieldOf } from '../../support/field.ts'
import { type Cursor, pinned } from '../kit/encode-error.ts'
import { putTextOrNull, writeUnusual } from './encode.ts'
import { putArrayHeader } from './encode-array.ts'
import type { ArrayColumn, Form, InsertMessages } from './form.ts'
import { BIND, EXECUTE, SYNC } from './messages.ts'
import { Payload } from './payload.ts'
import type { Writer, WriterPool } from './writer.ts'

const BINARY = 1

/** `INSERT … SELECT … FROM unnest(…)` as Bind, Execute and Sync, each column one binary array. */
export function planInsert(batch: BatchInput, form: Form, pool: WriterPool): Payload {
  const writer = pool.take()
  try {
    const binary = form.triesBinary && write(batch, form.insert(true), writer)
    if (!binary) write(batch, form.insert(false), writer)
    form.learn(binary)
    const { prepare, preparations } = form.insert(binary)
    return new Payload('INSERT', prepare.text, preparations, writer, pool)
  } catch (error) {
    pool.give(writer)
    throw error
  }
}

/** False when a value has no binary form; the writer is then started over. */
function write(batch: BatchInput, { prepare, columns, after }: InsertMessages, writer: Writer): boolean {
  writer.position = 0
  writer.reserve(1)
  writer.bytes[writer.position++] = BIND
  const length = writer.openLength()
  writer.raw(Buffer.from(`\0${prepare.name}\0`))
  writer.int16(1) // one format for all parameters
  writer.int16(BINARY)
  writer.int16(columns.length)
  if (!pinned(batch.columns, (cursor) => columns.every((column) => writeColumn(writer, batch, column, cursor))))
    return false
  writer.int16(0) // formats of the result, which has no columns
  writer.closeLength(length, 4)
  writer.raw(EXECUTE)
  writer.raw(after)
  writer.raw(SYNC)
  return true
}

function writeColumn(writer: Writer, { rows, columns }: BatchInput, column: ArrayColumn, cursor: Cursor): boolean {
  const { name, write } = column
  cursor.column = columns.indexOf(name)
  const length = writer.openLength()
  putArrayHeader(writer, column.elementOid, [rows.length])
  for (cursor.row = 0; cursor.row < rows.length; cursor.row++) {
    const value = fieldOf(rows[cursor.row]!, name)
    if (value === null || value === undefined) writer.int32(-1)
    else if (write === undefined) putTextOrNull(writer, column.toText(value))
    else if (!write(writer, value) && !writeUnusual(writer, write, value)) return false
  }
  writer.closeLength(length, 0)
  return true
}
