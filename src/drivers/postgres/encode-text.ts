import { isUtf8 } from 'node:buffer'
import { isDate } from 'node:util/types'
import { EncodeError } from '../kit/encode-error.ts'
import { bytesOf } from '../kit/values.ts'
import type { DateZone } from './date-zone.ts'
import type { Writer } from './writer.ts'

/** The text PostgreSQL is to parse as a value of the column's type; null for NULL. */
export type ToText = (value: unknown) => string | null

/** How values become texts: all the same but for dates. */
export interface Texts {
  readonly asText: ToText
  readonly asJson: ToText
  readonly asBytea: ToText
}

/** As a client of `pg` makes them whose dates are in this zone. */
export const TEXTS: Readonly<Record<DateZone, Texts>> = { local: textsWith(localText), utc: textsWith(utcText) }

function textsWith(dateText: (date: Date) => string): Texts {
  /** The text `pg` sends for a bound parameter (`prepareValue` in pg/lib/utils.js). */
  function asText(value: unknown): string | null {
    if (typeof value === 'string') return value
    if (value === null || value === undefined) return null
    if (typeof value === 'function' || typeof value === 'symbol') throw new EncodeError(`a ${typeof value} is no value`)
    if (typeof value !== 'object') return String(value)
    if (isDate(value)) return dateText(valid(value))
    if (Array.isArray(value)) return arrayText(value, asText)
    if (ArrayBuffer.isView(value)) return utf8Text(bytesOf(value))
    if (hasToPostgres(value)) return asText(value.toPostgres(asText))
    return JSON.stringify(value) ?? null
  }

  /** As `pg`, but an array or a Date is JSON here: a PostgreSQL array literal could never be one. */
  function asJson(value: unknown): string | null {
    if (Array.isArray(value) || isDate(value)) return JSON.stringify(value)
    return hasToPostgres(value) ? asJson(value.toPostgres(asText)) : asText(value)
  }

  function asBytea(value: unknown): string | null {
    if (ArrayBuffer.isView(value)) return byteaText(value)
    return hasToPostgres(value) ? asBytea(value.toPostgres(asText)) : asText(value)
  }

  return { asText, asJson, asBytea }
}

/** An array literal; anything but an array goes as it is, perhaps it is a literal already. */
export function asArray(element: ToText, { asText }: Texts): ToText {
  return (value) => (Array.isArray(value) ? arrayText(value, element) : asText(value))
}

interface Custom {
  toPostgres(prepareValue: ToText): unknown
}

/** Objects may say themselves what to store; Dates, arrays and bytes are not asked, as in `pg`. */
export function hasToPostgres(value: unknown): value is Custom {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !isDate(value) &&
    !ArrayBuffer.isView(value) &&
    typeof Reflect.get(value, 'toPostgres') === 'function'
  )
}

/** Inside a literal bytes are hexadecimal whatever the element type, as in `pg`. */
function arrayText(array: readonly unknown[], element: ToText): string {
  let text = '{'
  for (let i = 0; i < array.length; i++) {
    if (i > 0) text += ','
    const item = array[i]
    text += Array.isArray(item) ? arrayText(item, element) : elementText(item, element)
  }
  return `${text}}`
}

function elementText(item: unknown, element: ToText): string {
  const text = ArrayBuffer.isView(item) ? byteaText(item) : element(item)
  return text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`
}

function utf8Text(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8')
  throw new EncodeError('bytes for a column that is not bytea must be UTF-8')
}

function byteaText(view: ArrayBufferView): string {
  return `\\x${bytesOf(view).toString('hex')}`
}

function valid(date: Date): Date {
  if (Number.isNaN(date.getTime())) throw new EncodeError('Date is invalid')
  return date
}

/** Local time with its offset: a `date` or `timestamp` column stores what stands before that. */
function localText(date: Date): string {
  const year = date.getFullYear()
  const offset = -date.getTimezoneOffset()
  const minutes = Math.abs(offset)
  const day = `${yearText(year)}-${pad(date.getMonth() + 1, 2)}-${pad(date.getDate(), 2)}`
  const time = `${pad(date.getHours(), 2)}:${pad(date.getMinutes(), 2)}:${pad(date.getSeconds(), 2)}`
  const zone = `${offset < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60), 2)}:${pad(minutes % 60, 2)}`
  return `${day}T${time}.${pad(date.getMilliseconds(), 3)}${zone}${eraText(year)}`
}

/** A year takes more room in ISO 8601 where it is not from 0 to 9999; what follows it does not. */
function utcText(date: Date): string {
  const year = date.getUTCFullYear()
  return `${yearText(year)}${date.toISOString().slice(-20, -1)}+00:00${eraText(year)}`
}

function yearText(year: number): string {
  return pad(year < 1 ? 1 - year : year, 4)
}

function eraText(year: number): string {
  return year < 1 ? ' BC' : ''
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** A field of COPY's text format: the four characters that mean something there get a backslash. */
export function writeField(writer: Writer, text: string): void {
  writer.utf8(/[\\\n\r\t]/.test(text) ? text.replace(/[\\\n\r\t]/g, (char) => ESCAPES[char]!) : text)
}
