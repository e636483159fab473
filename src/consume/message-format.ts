import { decodeChange, encodeChange } from '../contract/change-codec.ts'
import { type Change, checkChange } from '../contract/deletion.ts'
import { InvalidRowError } from '../contract/errors.ts'
import type { Row, Table } from '../contract/table.ts'
import { BatchFlowError } from '../support/batchflow-error.ts'
import { brand } from '../support/brand.ts'
import { fieldOf } from '../support/field.ts'
import { encode, UnkeptError } from '../support/value-codec.ts'
import type { Message } from './source.ts'

/** Of the text in a message. A reader refuses what is newer than itself, and reads whatever is older. */
const VERSION = 1

export const CONTENT_TYPE = 'application/json'

/** Names of the headers a publisher gives a message, beside those of the trace. */
export const HEADER = { table: 'batchflow-table', contentType: 'content-type' } as const

/** A row as a message holds it: its table is a name, as the tables themselves are the reader's. */
export interface DecodedRow {
  readonly table: string
  readonly row: Row
}

/**
 * Makes rows of a message, at once: where it returns a promise, the worker reads no further and says so. What it throws is why
 * the message is put aside.
 */
export type MessageDecoder = (message: Message) => Iterable<DecodedRow>

/** A message is none of ours, or of a later version. Its message holds nothing of what it says. */
export class DecodeError extends BatchFlowError {
  static {
    brand(DecodeError, 'decode-error')
  }

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_BATCHFLOW_DECODE', message, options)
  }
}

/**
 * Rows of one table as the text of one message: `{"v":1,"t":"users","r":[{"id":1}]}`. Of each row those columns of the table
 * that it has; bigint, bytes, dates and the like as `{"$bigint":"1"}`, a deletion as `{"$delete":{"id":1}}`.
 *
 * @throws {InvalidRowError} for a row with a value that no text can hold
 */
export function encodeRows<R extends Row>(table: Table<R>, rows: readonly Change<NoInfer<R>>[]): string {
  return textOf(
    table,
    rows.map((row) => encodeRow(table, row)),
  )
}

/** What {@link encodeRows} makes, of rows that {@link encodeRow} has made texts of. */
export function textOf(table: Pick<Table, 'name'>, rows: readonly string[]): string {
  return `${prefixOf(table)}${rows.join(',')}]}`
}

const prefixes = new WeakMap<object, string>()

/** Once per table: it is the same for all its messages. */
function prefixOf(table: Pick<Table, 'name'>): string {
  const known = prefixes.get(table)
  if (known !== undefined) return known
  const prefix = `{"v":${VERSION},"t":${JSON.stringify(table.name)},"r":[`
  prefixes.set(table, prefix)
  return prefix
}

/** Bytes of a message beside its rows. */
export function overheadOf(table: Pick<Table, 'name'>): number {
  return Buffer.byteLength(prefixOf(table)) + 2
}

/** One row as JSON. @throws {InvalidRowError} */
export function encodeRow(table: Pick<Table, 'name' | 'columns' | 'deletes'>, row: Row): string {
  checkChange(table, row)
  const fields: [column: string, part: unknown][] = []
  for (const column of table.columns) {
    try {
      const value = fieldOf(row, column)
      if (value !== undefined) fields.push([column, typeof value === 'string' ? value : encode(value)])
    } catch (cause) {
      throw unkept(table.name, column, cause)
    }
  }
  return JSON.stringify(encodeChange(row, fields))
}

function unkept(table: string, column: string, cause: unknown): InvalidRowError {
  const what = `column ${JSON.stringify(column)} of a row of table ${JSON.stringify(table)}`
  const why = cause instanceof UnkeptError ? `it holds ${cause.message}` : 'reading it threw'
  return new InvalidRowError(`${what} cannot be put into a message: ${why}`, { cause })
}

/** The rows of a message that {@link encodeRows} made. @throws {DecodeError} */
export function decodeMessage({ body }: Pick<Message, 'body'>): DecodedRow[] {
  const { v, t, r } = parsed(typeof body === 'string' ? body : decodeUtf8(body))
  if (typeof v === 'number' && v > VERSION) {
    throw new DecodeError(
      `the message is of version ${v}, this package reads ${VERSION}: update it where it is read first`,
    )
  }
  if (v !== VERSION || typeof t !== 'string' || !Array.isArray(r))
    throw new DecodeError('the message is not a batch of rows')
  return r.map((row) => ({ table: t, row: decodeRow(row) }))
}

function decodeRow(encoded: unknown): Row {
  let row: Row | undefined
  try {
    row = decodeChange(encoded)
  } catch (cause) {
    throw new DecodeError('the message holds a value of an unknown kind', { cause })
  }
  if (row !== undefined) return row
  throw new DecodeError('the message holds something that is no row')
}

/** JSON's own errors quote the text. */
function parsed(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {}
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  throw new DecodeError('the message is no JSON object')
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new DecodeError('the message is no UTF-8')
  }
}
