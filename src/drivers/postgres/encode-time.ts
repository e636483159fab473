import { EncodeError } from '../kit/encode-error.ts'
import { putInt8 } from './encode-number.ts'
import { dayOf, type Stamp, stampOf, timeOf } from './stamp.ts'
import type { WriteBinary, Writer } from './writer.ts'

const UINT32 = 4294967296
const DAY = 86_400_000
/** PostgreSQL counts from 2000-01-01. */
const EPOCH = 946_684_800_000
/** Before 1972 some zones were off UTC by odd seconds, which `getTimezoneOffset` rounds away. */
const WHOLE_MINUTES = Date.UTC(1972, 1)

/** A text without a zone depends on the session's, so only the server can read it. */
export const writeTimestamptz: WriteBinary = (writer, value) => {
  if (value instanceof Date) {
    putStamp(writer, instantOf(value) - EPOCH, 0)
    return true
  }
  const stamp = typeof value === 'string' ? stampOf(value) : undefined
  return stamp !== undefined && !Number.isNaN(stamp.offset) && putText(writer, stamp, stamp.offset)
}

/** Holds wall-clock time: a Date's in the zone that `pg` sends; the zone of a text is ignored, as the server does. */
export const writeTimestamp: WriteBinary = (writer, value) => {
  if (value instanceof Date) {
    putStamp(writer, wallClockOf(value, writer) - EPOCH, 0)
    return true
  }
  const stamp = typeof value === 'string' ? stampOf(value) : undefined
  return stamp !== undefined && putText(writer, stamp, 0)
}

export const writeDate: WriteBinary = (writer, value) => {
  const day = dayOfAny(value, writer)
  if (Number.isNaN(day)) return false
  writer.reserve(8)
  writer.view.setInt32(writer.position, 4)
  writer.view.setInt32(writer.position + 4, day - EPOCH / DAY)
  writer.position += 8
  return true
}

function dayOfAny(value: unknown, writer: Writer): number {
  if (typeof value === 'string') return dayOf(value)
  return value instanceof Date ? Math.floor(wallClockOf(value, writer) / DAY) : Number.NaN
}

export const writeTime: WriteBinary = (writer, value) => {
  const micros = typeof value === 'string' ? timeOf(value) : Number.NaN
  if (Number.isNaN(micros)) return false
  putInt8(writer, micros)
  return true
}

function instantOf(date: Date): number {
  const instant = date.getTime()
  if (Number.isNaN(instant)) throw new EncodeError('Date is invalid')
  return instant
}

function wallClockOf(date: Date, { zone }: Writer): number {
  const instant = instantOf(date)
  if (zone === 'utc') return instant
  if (instant >= WHOLE_MINUTES) return instant - date.getTimezoneOffset() * 60_000
  const day = utcDay(date.getFullYear(), date.getMonth(), date.getDate())
  return day + ((date.getHours() * 60 + date.getMinutes()) * 60 + date.getSeconds()) * 1000 + date.getMilliseconds()
}

/** `Date.UTC` takes the years 0 to 99 for 1900 to 1999. */
function utcDay(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month, day)
}

function putText(writer: Writer, { seconds, micros }: Stamp, offset: number): boolean {
  putStamp(writer, (seconds - offset * 60) * 1000 - EPOCH, micros)
  return true
}

/** Milliseconds and microseconds since the epoch. The product leaves the safe integers in 2285, so it is made in halves. */
function putStamp(writer: Writer, millis: number, micros: number): void {
  writer.reserve(12)
  const at = writer.position
  const high = Math.floor(millis / UINT32)
  const low = (millis - high * UINT32) * 1000 + micros
  writer.view.setInt32(at, 8)
  writer.view.setInt32(at + 4, high * 1000 + Math.floor(low / UINT32))
  writer.view.setInt32(at + 8, low >>> 0)
  writer.position = at + 12
}
