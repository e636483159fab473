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
const LONG = /\d[\d.]{15}/
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/** As JSON.parse, but that numbers which a double does not hold are {@link Digits}. */
export function parseJson(text: string): unknown {
  return LONG.test(text) ? JSON.parse(text.replace(TOKEN, marked), unmarked) : JSON.parse(text)
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
