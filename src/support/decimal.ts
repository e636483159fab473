/** A decimal number as people write it, without an exponent. */
export const DECIMAL = /^[+-]?\d{1,500}(?:\.\d{1,500})?$/

/** A number of `digits` × 10^-`scale`. */
interface Decimal {
  readonly digits: bigint
  readonly scale: number
}

/**
 * The sum, without rounding: a safe integer or else a `bigint` of whole numbers, a text where a text was added or a number would
 * have to be rounded. `undefined` where one of them is no decimal number, or its digits are not known: 2^60 as a number stands for
 * many, and what has an exponent may have hundreds.
 */
export function addExactly(a: unknown, b: unknown): number | bigint | string | undefined {
  if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(a + b)) {
    if (Number.isSafeInteger(a) && Number.isSafeInteger(b)) return a + b
  }
  const [left, right] = [decimalOf(a), decimalOf(b)]
  if (left === undefined || right === undefined) return undefined
  const scale = Math.max(left.scale, right.scale)
  const text = textOf({ digits: scaled(left, scale) + scaled(right, scale), scale })
  if (typeof a === 'string' || typeof b === 'string') return text
  if (!text.includes('.')) return wholeOf(text, typeof a === 'bigint' || typeof b === 'bigint')
  return String(Number(text)) === text ? Number(text) : text
}

function decimalOf(value: unknown): Decimal | undefined {
  if (typeof value === 'bigint') return { digits: value, scale: 0 }
  if (typeof value === 'number' && !(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) return undefined
  if (typeof value !== 'number' && typeof value !== 'string') return undefined
  const text = String(value)
  if (!DECIMAL.test(text)) return undefined
  const point = text.indexOf('.')
  const scale = point === -1 ? 0 : text.length - point - 1
  return { digits: integerIn(text.replace('.', '')), scale }
}

/** `BigInt` does not know `+1`. */
function integerIn(digits: string): bigint {
  return BigInt(digits.startsWith('+') ? digits.slice(1) : digits)
}

function scaled({ digits, scale }: Decimal, to: number): bigint {
  return digits * 10n ** BigInt(to - scale)
}

function textOf({ digits, scale }: Decimal): string {
  if (scale === 0) return String(digits)
  const sign = digits < 0n ? '-' : ''
  const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0')
  const fraction = text.slice(-scale).replace(/0+$/, '')
  const whole = text.slice(0, -scale)
  return fraction === '' ? `${/^0*$/.test(whole) ? '' : sign}${whole}` : `${sign}${whole}.${fraction}`
}

function wholeOf(text: string, asBigint: boolean): number | bigint {
  const number = Number(text)
  return !asBigint && Number.isSafeInteger(number) ? number : BigInt(text)
}

/** The digits of a finite number, without an exponent: `1e-7` as `0.0000001`. */
export function plainText(value: number): string {
  const found = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(String(value))
  if (found === null) return String(value)
  const [, sign = '', whole = '', fraction = '', exponent] = found
  const point = whole.length + Number(exponent)
  const digits = (whole + fraction).padEnd(point, '0')
  return sign + (point > 0 ? digits.slice(0, point) : `0.${'0'.repeat(-point)}${digits}`)
}
