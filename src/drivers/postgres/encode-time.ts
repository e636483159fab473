import { EncodeError } from '../kit/encode-error.ts'
import { putInt8 } from './encode-number.ts'
import type { WriteBinary, Writer } from './writer.ts'

const UINT32 = 4294967296
const DAY = 86_400_000
/** PostgreSQL counts from 2000-01-01. */
const EPOCH = 946_684_800_000
/** Before 1972 some zones were off UTC by odd seconds, which `getTimezoneOffset` rounds away. */
const WHOLE_MINUTES = Date.UTC(1972, 1)

const STAMP = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d(?::?\d\d)?)?$/
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/
const TIME = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/

/** A text without a zone depends on the session's, so only the server can read it. */
export const writeTimestamptz: WriteBinary = (writer, value) => {
  if (value instanceof Date) {
    putStamp(writer, instantOf(value) - EPOCH, 0)
    return true
  }
  const parts = typeof value === 'string' ? STAMP.exec(value) : null
  return parts?.[8] !== undefined && putParts(writer, parts, offsetOf(parts[8]))
}

/** Holds wall-clock time: a Date's in the zone that `pg` sends; the zone of a text is ignored, as the server does. */
export const writeTimestamp: WriteBinary = (writer, value) => {
  if (value instanceof Date) {
    putStamp(writer, wallClockOf(value, writer) - EPOCH, 0)
    return true
  }
  const parts = typeof value === 'string' ? STAMP.exec(value) : null
  return parts !== null && offsetOf(parts[8]) !== undefined && putParts(writer, parts, 0)
}

export const writeDate: WriteBinary = (writer, value) => {
  const day =
    value instanceof Date ? wallClockOf(value, writer) : typeof value === 'string' ? dayOf(DATE.exec(value)) : undefined
  if (day === undefined) return false
  writer.reserve(8)
  writer.view.setInt32(writer.position, 4)
  writer.view.setInt32(writer.position + 4, Math.floor((day - EPOCH) / DAY))
  writer.position += 8
  return true
}

export const writeTime: WriteBinary = (writer, value) => {
  const parts = typeof value === 'string' ? TIME.exec(value) : null
  const seconds = parts === null ? undefined : secondsOf(parts, 1)
  if (seconds === undefined) return false
  putInt8(writer, seconds * 1_000_000 + microsOf(parts?.[4]))
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

/** Midnight of a day that exists, else undefined. */
function dayOf(parts: RegExpExecArray | null): number | undefined {
  if (parts === null) return undefined
  const year = Number(parts[1])
  const month = Number(parts[2]) - 1
  const day = Number(parts[3])
  const midnight = utcDay(year, month, day)
  const date = new Date(midnight)
  return year > 0 && date.getUTCMonth() === month && date.getUTCDate() === day ? midnight : undefined
}

/** Leap seconds and 24:00 are left to the server. */
function secondsOf(parts: RegExpExecArray, at: number): number | undefined {
  const hours = Number(parts[at])
  const minutes = Number(parts[at + 1])
  const seconds = Number(parts[at + 2])
  return hours < 24 && minutes < 60 && seconds < 60 ? (hours * 60 + minutes) * 60 + seconds : undefined
}

function microsOf(fraction = ''): number {
  return Number(fraction.padEnd(6, '0'))
}

/** Minutes east of UTC; undefined where the server would object. */
function offsetOf(zone = 'Z'): number | undefined {
  if (zone === 'Z') return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(3).replace(':', ''))
  if (hours > 15 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

function putParts(writer: Writer, parts: RegExpExecArray, offset: number | undefined): boolean {
  const day = dayOf(parts)
  const seconds = secondsOf(parts, 4)
  if (day === undefined || seconds === undefined || offset === undefined) return false
  putStamp(writer, day - EPOCH + (seconds - offset * 60) * 1000, microsOf(parts[7]))
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
