import { EncodeError } from '../kit/encode-error.ts'

/** How dates go out in the time zone of a pool. */
export interface Dates {
  /** A date for `mysql2` to bind. @throws {EncodeError} what has no four digits for its year in that zone */
  readonly bind: (date: Date) => Date
  /** Writes one that may be bound, in the 11 bytes of a binary DATETIME (MySQL documentation, "Binary Protocol Value"). */
  readonly write: (view: DataView, at: number, date: Date) => void
}

const MINUTE = 60_000
const DAY = 86_400_000
/** Years with four digits, as the server would store the zero date for others, or stop the whole batch. */
const FIRST = Date.parse('0000-01-01T00:00:00Z')
const LAST = Date.parse('9999-12-31T23:59:59.999Z')

/** @param timezone of the pool: `local`, `Z` or an offset like `+02:00`, as `mysql2` has it */
export function datesIn(timezone: string): Dates {
  if (timezone === 'local') return { bind: bindLocal, write: writeLocal }
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)/.exec(timezone) ?? []
  return datesAt((sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * MINUTE)
}

function bindLocal(date: Date): Date {
  const year = date.getFullYear()
  return bindIf(year >= 0 && year <= 9999, date)
}

function writeLocal(view: DataView, at: number, date: Date): void {
  writeDay(view, at, date.getFullYear(), date.getMonth(), date.getDate())
  writeTime(
    view,
    at,
    (date.getHours() * 60 + date.getMinutes()) * MINUTE + date.getSeconds() * 1000 + date.getMilliseconds(),
  )
}

/** Dates of a batch are often of one day, whose name is looked up once. */
function datesAt(offset: number): Dates {
  let day = Number.NaN
  let [year, month, date] = [0, 0, 0]
  return {
    bind: (instant) => {
      const time = instant.getTime() + offset
      return bindIf(time >= FIRST && time <= LAST, instant)
    },
    write: (view, at, instant) => {
      const time = instant.getTime() + offset
      const today = Math.floor(time / DAY)
      if (today !== day) {
        const named = new Date(today * DAY)
        ;[day, year, month, date] = [today, named.getUTCFullYear(), named.getUTCMonth(), named.getUTCDate()]
      }
      writeDay(view, at, year, month, date)
      writeTime(view, at, time - today * DAY)
    },
  }
}

function bindIf(isFit: boolean, date: Date): Date {
  if (!isFit) throw new EncodeError('the year of the date is not between 0 and 9999')
  return date.constructor === Date ? date : new Date(date.getTime()) // another realm's
}

function writeDay(view: DataView, at: number, year: number, month: number, date: number): void {
  view.setUint16(at, year, true)
  view.setUint8(at + 2, month + 1)
  view.setUint8(at + 3, date)
}

/** @param millis of the day */
function writeTime(view: DataView, at: number, millis: number): void {
  const seconds = Math.floor(millis / 1000)
  const minutes = Math.floor(seconds / 60)
  view.setUint8(at + 4, Math.floor(minutes / 60))
  view.setUint8(at + 5, minutes % 60)
  view.setUint8(at + 6, seconds % 60)
  view.setUint32(at + 7, (millis - seconds * 1000) * 1000, true)
}
