import { OptionError } from './batchflow-error.ts'

/**
 * Looks at what was given for the option `name` and returns it as what it is.
 *
 * @throws {OptionError} saying what is allowed and what was received
 */
export type Check<T> = (name: string, value: unknown) => T

/** One option: how it is checked, and what it is when it is not given. */
export interface Option<T> {
  readonly check: Check<T>
  readonly absent: (name: string) => T
}

/**
 * The options that make up the interface `T`: `{ … } satisfies OptionsOf<T>` does not compile unless each of its properties
 * is there with a check of its type, and none besides.
 */
export type OptionsOf<T> = { readonly [K in keyof T]-?: Option<T[K]> }

/** What {@link parse} makes of options declared so. */
export type Values<D> = { readonly [K in keyof D]: D[K] extends Option<infer T> ? T : never }

export function required<T>(check: Check<T>): Option<T> {
  return { check, absent: (name) => check(name, undefined) }
}

export function optional<T>(check: Check<T>): Option<T | undefined>
export function optional<T>(check: Check<T>, fallback: T): Option<T>
export function optional<T>(check: Check<T>, fallback?: T): Option<T | undefined> {
  return { check, absent: () => fallback }
}

/**
 * Reads the options of `owner`. `undefined` alone means that an option was not given; `null` is a value like any other.
 *
 * @throws {OptionError} for what is no object, and for a key that is no option, which is most often a slip of the pen
 */
export function parse<D extends Readonly<Record<string, Option<unknown>>>>(
  owner: string,
  declared: D,
  given: unknown,
): Values<D> {
  const options = record(owner.includes(': ') ? owner : `${owner}: options`, given)
  const stranger = Object.keys(options).find((key) => !Object.hasOwn(declared, key))
  if (stranger !== undefined) {
    throw new OptionError(`${owner}: unknown option ${show(stranger)}; there are ${Object.keys(declared).join(', ')}`)
  }
  const values = Object.entries(declared).map(([key, { check, absent }]) => {
    const name = member(owner, key)
    const value = options[key]
    return [key, value === undefined ? absent(name) : check(name, value)]
  })
  return Object.fromEntries(values) as Values<D>
}

/** `BatchFlow: log` of the owner `BatchFlow`, `BatchFlow: log.slow` of that. */
function member(owner: string, key: string): string {
  return owner.includes(': ') ? `${owner}.${key}` : `${owner}: ${key}`
}

/** Options in an option. */
export function nested<D extends Readonly<Record<string, Option<unknown>>>>(declared: D): Check<Values<D>> {
  return (name, value) => parse(name, declared, value)
}

export const record: Check<Readonly<Record<string, unknown>>> = (name, value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : refuse(name, 'an object', value)

/** An integer in `[min, max]`. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): Check<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`
  return (name, value) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    return refuse(name, range, value)
  }
}

/** A number in `[min, max]`. */
export function number(min: number, max: number): Check<number> {
  return (name, value) => {
    if (typeof value === 'number' && value >= min && value <= max) return value
    return refuse(name, `a number from ${min} to ${max}`, value)
  }
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Check<T> {
  return (name, value) => allowed.find((one) => one === value) ?? refuse(name, `one of ${allowed.join(', ')}`, value)
}

export const boolean: Check<boolean> = (name, value) =>
  typeof value === 'boolean' ? value : refuse(name, 'true or false', value)

export const text: Check<string> = (name, value) =>
  typeof value === 'string' && value !== '' ? value : refuse(name, 'a non-empty string', value)

/** A function; which parameters it takes nobody can see. */
export function callback<T>(): Check<T> {
  return (name, value) => (typeof value === 'function' ? (value as T) : refuse(name, 'a function', value))
}

/** What has these methods. `what` it is to be, for the message. */
export function implementing<T>(what: string, ...methods: readonly (keyof T & string)[]): Check<T> {
  return (name, value) => {
    const missing = methods.find((method) => typeof (value as Partial<T> | null | undefined)?.[method] !== 'function')
    if (missing === undefined) return value as T
    return refuse(name, `${what} with a method ${missing}()`, value)
  }
}

/** Whatever is given: another place checks it. */
export function unchecked<T>(): Check<T> {
  return (_, value) => value as T
}

export function refuse(name: string, wanted: string, value: unknown): never {
  throw new OptionError(`${name} must be ${wanted}, received ${show(value)}`)
}

/** `value` as it may appear in an error message about an option. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
