import { isUtf8 } from 'node:buffer'
import { Digits, exactJson, NOTHING } from './values.ts'

/** What a column holds, as far as values have to be told apart on their way into it. */
export type Kind =
  | 'boolean'
  | 'integer'
  /** Exact. */
  | 'decimal'
  | 'number'
  /** A point in time, with its zone. */
  | 'instant'
  /** Without one. */
  | 'timestamp'
  | 'date'
  | 'json'
  | 'bytes'
  | 'array'
  | 'text'

export interface ConvertOptions {
  /** A text that stands for NULL in a CSV file, beside an empty field. */
  readonly nullText?: string | undefined
  readonly timeOf?: ((text: string) => unknown) | undefined
}

const INTEGER = /^[+-]?\d+$/
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i
const TRUTH: ReadonlyMap<string, boolean> = new Map(
  Object.entries({
    true: true,
    t: true,
    yes: true,
    y: true,
    on: true,
    '1': true,
    false: false,
    f: false,
    no: false,
    n: false,
    off: false,
    '0': false,
  }),
)

/**
 * A value of a file as the driver is to have it. A text that is none of what the column holds stays a text: the database
 * then says what is wrong with it.
 */
export function convert(value: unknown, kind: Kind, { nullText, timeOf }: ConvertOptions): unknown {
  if (value === NOTHING || value === null) return null
  if (typeof value === 'string') {
    if (value === nullText) return null
    return ofText(value, kind, timeOf)
  }
  if (value instanceof Digits) return INTEGER.test(value.text) ? BigInt(value.text) : value.text
  if (value instanceof Uint8Array && kind === 'text') return isUtf8(value) ? Buffer.from(value).toString() : value
  if (typeof value !== 'object' || value instanceof Date || ArrayBuffer.isView(value)) return value
  return kind === 'array' && Array.isArray(value) ? value : exactJson(value)
}

function ofText(text: string, kind: Kind, timeOf: ConvertOptions['timeOf']): unknown {
  switch (kind) {
    case 'integer':
      return plainInteger(text) ?? integerOf(text)
    case 'number':
      return NUMBER.test(text) ? Number(text) : text === '' ? null : text
    case 'boolean':
      return text === '' ? null : (TRUTH.get(text.toLowerCase()) ?? text)
    case 'instant':
    case 'timestamp':
      return text === '' ? null : timeOf === undefined ? text : timeOf(text)
    case 'decimal':
    case 'date':
      return text === '' ? null : text
    default:
      return text
  }
}

const ZERO = 0x30
/** So many digits are a safe integer. */
const SAFE_DIGITS = 15

/** Few digits and nothing else: most integers, read in less time than an expression takes. */
function plainInteger(text: string): number | undefined {
  if (text === '' || text.length > SAFE_DIGITS) return undefined
  let number = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - ZERO
    if (!(digit >= 0 && digit <= 9)) return undefined
    number = number * 10 + digit
  }
  return number
}

function integerOf(text: string): number | bigint | string | null {
  if (!INTEGER.test(text)) return text === '' ? null : text
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text.replace('+', ''))
}

/** Whether a value that was refused is plainly none of its kind. */
export function fits(value: unknown, kind: Kind): boolean {
  if (value === null || value === undefined || typeof value !== 'string') return true
  if (kind === 'integer' || kind === 'boolean') return false // else it were no text any more
  if (kind === 'number' || kind === 'decimal') return NUMBER.test(value)
  if (kind === 'instant' || kind === 'timestamp' || kind === 'date') return !Number.isNaN(Date.parse(value))
  if (kind === 'json') return isJson(value)
  return true
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
