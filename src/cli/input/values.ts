/** An empty field of a CSV file that was not quoted: nothing, where a quoted one is a text. */
export const NOTHING = Symbol('nothing')

/** A number as it is written, where a double would not be the same. */
export class Digits {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** For JSON.stringify; {@link exactJson} makes the number of it again. */
  toJSON(): string {
    return MARK + this.text
  }
}

/** Begins a string that stands for a number. */
const MARK = '\u0001batchflow:'
const MARKED = /"\\u0001batchflow:(-?[\d.eE+-]+)"/g
/** So many digits a double may not hold. */
const MANY = 16
const DOT = 0x2e
const ZERO = 0x30
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/** As JSON.parse, but that numbers which a double does not hold are {@link Digits}. */
export function parseJson(text: string): unknown {
  return hasManyDigits(text) ? JSON.parse(text.replace(TOKEN, marked), unmarked) : JSON.parse(text)
}

/** Digits and points in a row. Looked for at each place that so many of them could not miss. */
function hasManyDigits(text: string): boolean {
  for (let at = MANY - 1; at < text.length; at += MANY) {
    if (!isOfNumber(text, at)) continue
    let from = at
    while (isOfNumber(text, from - 1)) from--
    let end = at + 1
    while (isOfNumber(text, end)) end++
    if (end - from >= MANY) return true
  }
  return false
}

function isOfNumber(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code === DOT || (code >= ZERO && code <= ZERO + 9)
}

/** As JSON.stringify, with every digit. */
export function exactJson(value: unknown): string {
  return JSON.stringify(value, withoutBigints).replace(MARKED, '$1')
}

function marked(token: string): string {
  const digits = token.replace(/[eE].*$|\D/g, '').replace(/^0+/, '')
  const isExact = token.startsWith('"') || digits.length < MANY || String(Number(token)) === token
  return isExact ? token : JSON.stringify(MARK + token)
}

function unmarked(_: string, value: unknown): unknown {
  return typeof value === 'string' && value.startsWith(MARK) ? new Digits(value.slice(MARK.length)) : value
}

/** Parquet has them. */
function withoutBigints(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? new Digits(String(value)).toJSON() : value
}
