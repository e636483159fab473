import { bytesOf } from '../kit/values.ts'
import type { DateZone } from './date-zone.ts'
import type { ColumnType } from './describe.ts'
import { writeArrayOf } from './encode-array.ts'
import { writeFloat4, writeFloat8, writeInt2, writeInt4, writeInt8, writeNumeric } from './encode-number.ts'
import { asArray, hasToPostgres, TEXTS, type Texts, type ToText } from './encode-text.ts'
import { writeDate, writeTime, writeTimestamp, writeTimestamptz } from './encode-time.ts'
import type { WriteBinary, Writer } from './writer.ts'

export const TEXT_OID = 25
const BYTEA_OID = 17
const JSON_OID = 114
const JSONB_OID = 3802

const writeBool: WriteBinary = (writer, value) => {
  if (typeof value !== 'boolean') return false
  writer.reserve(5)
  writer.view.setInt32(writer.position, 1)
  writer.view.setInt8(writer.position + 4, value ? 1 : 0)
  writer.position += 5
  return true
}

const writeText: WriteBinary = (writer, value) => {
  if (typeof value === 'string') writer.text(value)
  else if (ArrayBuffer.isView(value)) return writeRaw(writer, value)
  else putTextOrNull(writer, TEXTS[writer.zone].asText(value))
  return true
}

const writeJson: WriteBinary = (writer, value) => {
  if (ArrayBuffer.isView(value)) return writeRaw(writer, value)
  putTextOrNull(writer, TEXTS[writer.zone].asJson(value))
  return true
}

const JSONB_VERSION = 1

const writeJsonb: WriteBinary = (writer, value) => {
  if (ArrayBuffer.isView(value)) return writeRaw(writer, value)
  const text = TEXTS[writer.zone].asJson(value)
  if (text === null) {
    writer.int32(-1)
    return true
  }
  const length = writer.openLength()
  writer.reserve(1)
  writer.bytes[writer.position++] = JSONB_VERSION
  writer.utf8(text)
  writer.closeLength(length, 0)
  return true
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

const writeUuid: WriteBinary = (writer, value) => {
  if (typeof value !== 'string' || !UUID.test(value)) return false
  writer.reserve(20)
  writer.view.setInt32(writer.position, 16)
  writer.bytes.write(value.replaceAll('-', ''), writer.position + 4, 'hex')
  writer.position += 20
  return true
}

/** Bytes are, as in `pg`, the binary form itself, whatever the type: so a driver of another type's can make them. */
export const writeRaw: WriteBinary = (writer, value) => {
  if (!ArrayBuffer.isView(value)) return false
  const bytes = bytesOf(value)
  writer.int32(bytes.length)
  writer.raw(bytes)
  return true
}

export function putTextOrNull(writer: Writer, text: string | null): void {
  if (text === null) writer.int32(-1)
  else writer.text(text)
}

interface BuiltIn {
  readonly name: string
  readonly write: WriteBinary
}

/** Built-in types by their OID, which is fixed for ever: src/include/catalog/pg_type.dat in PostgreSQL. */
export const BUILT_IN: ReadonlyMap<number, BuiltIn> = new Map([
  [16, { name: 'bool', write: writeBool }],
  [BYTEA_OID, { name: 'bytea', write: writeRaw }],
  [20, { name: 'int8', write: writeInt8 }],
  [21, { name: 'int2', write: writeInt2 }],
  [23, { name: 'int4', write: writeInt4 }],
  [TEXT_OID, { name: 'text', write: writeText }],
  [JSON_OID, { name: 'json', write: writeJson }],
  [700, { name: 'float4', write: writeFloat4 }],
  [701, { name: 'float8', write: writeFloat8 }],
  [1042, { name: 'bpchar', write: writeText }],
  [1043, { name: 'varchar', write: writeText }],
  [1082, { name: 'date', write: writeDate }],
  [1083, { name: 'time', write: writeTime }],
  [1114, { name: 'timestamp', write: writeTimestamp }],
  [1184, { name: 'timestamptz', write: writeTimestamptz }],
  [1700, { name: 'numeric', write: writeNumeric }],
  [2950, { name: 'uuid', write: writeUuid }],
  [JSONB_OID, { name: 'jsonb', write: writeJsonb }],
])

export function binaryWriter(type: ColumnType): WriteBinary {
  const scalar = type.isEnum ? writeText : (BUILT_IN.get(type.scalarOid)?.write ?? writeRaw)
  if (type.elementOid === undefined) return scalar
  return writeArrayOf(type.scalarOid === BYTEA_OID ? scalar : exceptBytes(scalar), type.elementOid)
}

/** Inside an array literal `pg` writes bytes as hexadecimal text, so only elements of a bytea array may be bytes. */
function exceptBytes(write: WriteBinary): WriteBinary {
  return (writer, value) => !ArrayBuffer.isView(value) && write(writer, value)
}

export function textOf(type: ColumnType, zone: DateZone): ToText {
  const texts = TEXTS[zone]
  const scalar = scalarText(type.scalarOid, texts)
  return type.elementOid === undefined ? scalar : asArray(scalar, texts)
}

function scalarText(oid: number, { asText, asJson, asBytea }: Texts): ToText {
  if (oid === BYTEA_OID) return asBytea
  return oid === JSON_OID || oid === JSONB_OID ? asJson : asText
}

/** Second chance for a value its writer refused: bytes, or an object that says itself what it stands for. */
export function writeUnusual(writer: Writer, write: WriteBinary, value: unknown): boolean {
  if (ArrayBuffer.isView(value)) return writeRaw(writer, value)
  if (!hasToPostgres(value)) return false
  const plain = value.toPostgres(TEXTS[writer.zone].asText)
  if (plain !== null && plain !== undefined) return write(writer, plain) || writeUnusual(writer, write, plain)
  writer.int32(-1)
  return true
}
