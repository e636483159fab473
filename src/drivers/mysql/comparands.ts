import type { BatchInput } from '../../contract/driver.ts'
import type { Table } from '../../contract/table.ts'
import { fieldOf, setField } from '../../support/field.ts'
import { EncodeError, pinned } from '../kit/encode-error.ts'
import { answerTo } from '../kit/lease.ts'
import { wholeOrText } from './chunks.ts'
import type { Lease } from './connection.ts'
import { placeOf } from './keys.ts'

/**
 * How a value is compared with a column as it would be stored there. An insert has columns to convert its values and to refuse them; a
 * comparison has rules of its own, by which `1st` is 1, and a cast takes what is no number for 0: another row would be deleted.
 */
export interface Comparand {
  /** `?`, or what makes it a value of the column. */
  readonly sql: string
  /** What to bind. @throws {EncodeError} for what no row of the column can have */
  readonly bound: (value: unknown) => unknown
}

const QUESTION = `
SELECT column_name, data_type, column_type, datetime_precision FROM information_schema.columns
WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?`

/** By the columns in lower case. */
export async function comparandsOf(
  lease: Lease,
  table: Table,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Comparand>> {
  const answer = lease.connection.query({ sql: QUESTION, values: placeOf(table), rowsAsArray: true })
  const [rows] = await answerTo(lease, answer, signal)
  const found = rows as [name: unknown, type: unknown, whole: unknown, precision: unknown][]
  return new Map(
    found.map(([name, type, whole, precision]) => [
      String(name).toLowerCase(),
      comparandOf(String(type), String(whole), Number(precision ?? 0)),
    ]),
  )
}

const asItIs = (value: unknown) => value

/** A column that is not known is for the server to complain about. */
export const AS_IT_IS: Comparand = { sql: '?', bound: asItIs }

const TEXTS = /^(?:(?:var)?char|(?:tiny|medium|long)?text|varbinary|(?:tiny|medium|long)?blob)$/

/** @param type without what is in brackets. @param whole with it */
function comparandOf(type: string, whole: string, precision: number): Comparand {
  if (TEXTS.test(type)) return { sql: '?', bound: textOf }
  if (/^(?:tiny|small|medium|big)?int$/.test(type)) {
    return whole.includes('unsigned') ? cast('UNSIGNED', unsigned) : cast('SIGNED', signed)
  }
  if (type === 'double') return { sql: '?', bound: double }
  if (type === 'float') return { sql: '?', bound: single }
  if (type === 'decimal') {
    const [, digits, scale] = /\((\d+),(\d+)\)/.exec(whole) ?? [undefined, '10', '0']
    const wider = Math.min(Number(digits) + 1, MOST_DIGITS) // what is rounded up beyond the greatest value must not become that
    return cast(`DECIMAL(${wider},${scale})`, decimal(Number(digits) - Number(scale)))
  }
  if (type === 'datetime' || type === 'timestamp') return date(`DATETIME(${precision})`)
  if (type === 'time') return cast(`TIME(${precision})`, textLike(TIME))
  if (type === 'year') return { sql: '?', bound: textLike(/^\d{1,4}$/) }
  if (type === 'bit') return cast('UNSIGNED', bits)
  if (type === 'binary') return { sql: '?', bound: padded(Number(/\((\d+)\)/.exec(whole)?.[1])) }
  return type === 'date' ? date('DATE') : AS_IT_IS
}

/** As a text, a date would lose its fraction of a second. One that there cannot be becomes NULL, which no row equals. */
function date(type: string): Comparand {
  return { sql: `CAST(? AS ${type})`, bound: textLike(DATE) }
}

/** Of a DECIMAL. */
const MOST_DIGITS = 65

const DATE = /^(?:\d+|\d{2,4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ]\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d*)?)?)?)$/
/** Up to 838 hours: a cast takes what is more for that. */
const TIME = /^-?(?:\d+(?:\.\d*)?|(?:[0-2]?\d )?(?:[0-7]?\d{1,2}|8[0-2]\d|83[0-8]):\d{1,2}(?::\d{1,2}(?:\.\d*)?)?)$/

/** A cast passes over what stands behind a value: of `10:00:00x`, or of a time of another zone, it would take another row. */
function textLike(form: RegExp): Comparand['bound'] {
  return (value) => {
    if (typeof value !== 'string' || form.test(value)) return value
    throw new EncodeError('its column has dates or times, of which it is none')
  }
}

/** By way of a text: MySQL takes a parameter for what it is cast to, or for something near that (DECIMAL for UNSIGNED). */
function cast(type: string, bound: Comparand['bound']): Comparand {
  return { sql: `CAST(CAST(? AS CHAR) AS ${type})`, bound }
}

/** As the server itself would store it. */
function textOf(value: unknown): unknown {
  if (typeof value === 'number' && Number.isFinite(value)) return String(wholeOrText(value))
  if (typeof value === 'boolean') return value ? '1' : '0'
  return typeof value === 'bigint' ? String(value) : value
}

const [signed, unsigned] = [whole(-(2n ** 63n), 2n ** 63n - 1n), whole(0n, 2n ** 64n - 1n)]

function whole(least: bigint, most: bigint): (value: unknown) => unknown {
  return (value) => {
    if (typeof value === 'boolean') return value ? '1' : '0'
    const isWhole = typeof value === 'string' ? /^[+-]?\d{1,20}$/.test(value) : Number.isSafeInteger(value)
    const number = typeof value === 'bigint' ? value : isWhole ? BigInt(value as string | number) : undefined
    if (number !== undefined && number >= least && number <= most) return String(number)
    throw new EncodeError('its column has whole numbers, of which it is none')
  }
}

/** As the column takes them: the bytes of a text are the bits. */
function bits(value: unknown): unknown {
  if (typeof value !== 'string' && !ArrayBuffer.isView(value)) return unsigned(value)
  return unsigned(BigInt(`0x0${bytesOf(value).toString('hex')}`))
}

/** Zero bytes fill up what is shorter than the column. */
function padded(length: number): Comparand['bound'] {
  return (value) => {
    const text = textOf(value)
    if (typeof text !== 'string' && !ArrayBuffer.isView(text)) return text
    const bytes = bytesOf(text)
    return bytes.length < length ? Buffer.concat([bytes], length) : bytes
  }
}

function bytesOf(value: string | ArrayBufferView): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

/** @param most digits before the point */
function decimal(most: number): (value: unknown) => unknown {
  return (value) => {
    if (typeof value === 'boolean') return value
    const isNumber = typeof value === 'string' ? NUMBER.test(value) : /^(?:number|bigint)$/.test(typeof value)
    if (isNumber && Math.abs(Number(value)) < 10 ** most) return value
    throw new EncodeError('its column has numbers, of which it is none')
  }
}

const double = decimal(Number.POSITIVE_INFINITY)

/** With the digits that are left of it in a FLOAT, which is compared as a DOUBLE. */
function single(value: unknown): unknown {
  return Math.fround(Number(double(value)))
}

/** Deletions whose values can be compared. @throws {AttemptError} naming the row that has one that cannot */
export function comparable(
  { table, columns, deletions, rows }: BatchInput,
  comparands: readonly Comparand[],
): BatchInput {
  const converted = pinned(columns, (cursor) =>
    rows.map((row, index) => {
      const bound = {}
      cursor.row = index
      for (const [i, column] of columns.entries()) {
        cursor.column = i
        setField(bound, column, comparands[i]!.bound(fieldOf(row, column)))
      }
      return bound
    }),
  )
  return { table, columns, deletions, rows: converted }
}
