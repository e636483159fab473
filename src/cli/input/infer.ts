import type { Kind } from './kinds.ts'
import { Digits, NOTHING } from './values.ts'

const MOST = 2n ** 63n

/** `007` is no number: its zeros would be lost. */
const INTEGER = /^-?(?:0|[1-9]\d*)$/
const DECIMAL = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const DATE = /^\d{4}-\d\d-\d\d$/
const TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?$/

/** What a column would have to hold for all of some values; `undefined`: they say nothing, as all are NULL. */
export function kindOfAll(values: Iterable<unknown>): Kind | undefined {
  let kind: Kind | undefined
  for (const value of values) {
    const own = kindOf(value)
    if (own !== undefined) kind = kind === undefined ? own : both(kind, own)
    if (kind === 'text') return kind
  }
  return kind
}

/** What holds values of either. */
function both(a: Kind, b: Kind): Kind {
  if (a === b) return a
  const pair = [a, b].sort().join(' ')
  if (pair === 'decimal integer') return 'decimal'
  if (pair === 'date timestamp') return 'timestamp'
  return 'text'
}

function kindOf(value: unknown): Kind | undefined {
  switch (typeof value) {
    case 'boolean':
      return 'boolean'
    case 'bigint':
      return 'integer'
    case 'number':
      return Number.isSafeInteger(value) ? 'integer' : 'decimal'
    case 'string':
      return ofText(value)
    case 'object':
      if (value === null) return undefined
      if (value instanceof Date) return 'instant'
      if (value instanceof Digits) return ofText(value.text)
      return ArrayBuffer.isView(value) ? 'bytes' : 'json'
    default:
      return value === NOTHING ? undefined : 'text'
  }
}

function ofText(text: string): Kind {
  if (text === 'true' || text === 'false') return 'boolean'
  if (INTEGER.test(text)) return isWide(text) ? 'decimal' : 'integer'
  if (DECIMAL.test(text)) return 'decimal'
  if (DATE.test(text)) return Number.isNaN(Date.parse(text)) ? 'text' : 'date'
  const time = TIME.exec(text)
  if (time === null || Number.isNaN(Date.parse(text))) return 'text'
  return time[1] === undefined ? 'timestamp' : 'instant'
}

function isWide(text: string): boolean {
  const integer = BigInt(text)
  return integer >= MOST || integer < -MOST
}
