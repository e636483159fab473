/**
 * Dates and times as texts, read digit by digit: a regular expression, and a Date to see whether the day exists, would take longer
 * than all else that is done with a row. NaN, which no comparison lets pass, stands for what only the server can judge.
 */

const ZERO = 0x30
const DOT = 0x2e
const COLON = 0x3a
const DASH = 0x2d
const PLUS = 0x2b
const SPACE = 0x20
const T = 0x54
const Z = 0x5a

const DAY_TEXT = '2000-01-01'.length
const TIME_TEXT = '00:00:00'.length
const DAY_SECONDS = 86_400
const MONTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
/** Days of 400 years, after which the calendar repeats. */
const ERA_DAYS = 146_097
/** From 0000-03-01 to 1970-01-01. */
const EPOCH_DAYS = 719_468

/** What was read last: one for all texts, as nothing waits between reading it and writing it. */
export interface Stamp {
  /** Since 1970, as the text says them, whatever its zone. */
  seconds: number
  micros: number
  /** Minutes east of UTC; NaN: the text names no zone. */
  offset: number
}

const stamp: Stamp = { seconds: 0, micros: 0, offset: 0 }

/** `2026-01-31T01:02:03.456789+02:00`, with a space for the T, fewer digits, `+0200`, `+02`, `Z` or no zone. */
export function stampOf(text: string): Stamp | undefined {
  const separator = text.charCodeAt(DAY_TEXT)
  if (separator !== T && separator !== SPACE) return undefined
  const at = DAY_TEXT + 1
  const end = endOfTime(text, at + TIME_TEXT)
  const offset = offsetAt(text, end)
  if (offset === undefined) return undefined
  stamp.seconds = dayAt(text) * DAY_SECONDS + secondsAt(text, at)
  stamp.micros = microsBetween(text, at + TIME_TEXT, end)
  stamp.offset = offset
  return Number.isNaN(stamp.seconds + stamp.micros) ? undefined : stamp
}

/** `2026-01-31`: days since 1970, or NaN. */
export function dayOf(text: string): number {
  return text.length === DAY_TEXT ? dayAt(text) : Number.NaN
}

/** `01:02:03.456789`: microseconds since midnight, or NaN. */
export function timeOf(text: string): number {
  const end = endOfTime(text, TIME_TEXT)
  return end === text.length ? secondsAt(text, 0) * 1_000_000 + microsBetween(text, TIME_TEXT, end) : Number.NaN
}

/** By Howard Hinnant's `days_from_civil`: years begin in March, so that the odd day is the last one. */
function dayAt(text: string): number {
  if (text.charCodeAt(4) !== DASH || text.charCodeAt(7) !== DASH) return Number.NaN
  const year = two(text, 0) * 100 + two(text, 2)
  const month = two(text, 5)
  const day = two(text, 8)
  if (!(year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month))) return Number.NaN
  const shifted = month > 2 ? year : year - 1
  const ofEra = shifted % 400
  const ofYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const days = ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear
  return Math.floor(shifted / 400) * ERA_DAYS + days - EPOCH_DAYS
}

function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return month === 2 && isLeap ? 29 : MONTHS[month - 1]!
}

/** Leap seconds and 24:00 are left to the server. */
function secondsAt(text: string, at: number): number {
  if (text.charCodeAt(at + 2) !== COLON || text.charCodeAt(at + 5) !== COLON) return Number.NaN
  const hours = two(text, at)
  const minutes = two(text, at + 3)
  const seconds = two(text, at + 6)
  return hours < 24 && minutes < 60 && seconds < 60 ? (hours * 60 + minutes) * 60 + seconds : Number.NaN
}

/** Behind the digits of a second, where there are some at `at`. */
function endOfTime(text: string, at: number): number {
  if (text.charCodeAt(at) !== DOT) return at
  let end = at + 1
  while (digit(text, end) >= 0) end++
  return end
}

/** From one to six digits behind a point, or none without one. */
function microsBetween(text: string, at: number, end: number): number {
  const digits = end - at - 1
  if (digits === -1) return 0
  if (digits === 0 || digits > 6) return Number.NaN
  let micros = 0
  for (let i = 1; i <= 6; i++) micros = micros * 10 + (i <= digits ? digit(text, at + i) : 0)
  return micros
}

/** Minutes; `undefined` where the server would object, or there is something else. */
function offsetAt(text: string, at: number): number | undefined {
  const rest = text.length - at
  if (rest === 0) return Number.NaN
  const sign = text.charCodeAt(at)
  if (rest === 1) return sign === Z ? 0 : undefined
  if (sign !== PLUS && sign !== DASH) return undefined
  const hours = two(text, at + 1)
  const minutes = rest === 3 ? 0 : two(text, text.length - 2)
  const isForm = rest === 3 || rest === 5 || (rest === 6 && text.charCodeAt(at + 3) === COLON)
  if (!isForm || !(hours <= 15 && minutes <= 59)) return undefined
  return (sign === DASH ? -1 : 1) * (hours * 60 + minutes)
}

function two(text: string, at: number): number {
  const tens = digit(text, at)
  const ones = digit(text, at + 1)
  return tens >= 0 && ones >= 0 ? tens * 10 + ones : Number.NaN
}

/** -1: there is none. */
function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - ZERO
  return value >= 0 && value <= 9 ? value : -1
}
