import { OptionError } from '../contract/errors.ts'

/** `value` as it may appear in an error message about an option. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? (value.length === 0 ? 'an empty array' : 'an array') : 'an object'
  return String(value)
}

/** @throws {OptionError} unless `value` is an integer in `[min, max]` */
export function integer(name: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  const range = max === Number.MAX_SAFE_INTEGER ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`
  throw new OptionError(`${name} must be ${range}, received ${show(value)}`)
}

/** @throws {OptionError} unless `value` is a number in `[min, max]` */
export function number(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value
  throw new OptionError(`${name} must be a number from ${min} to ${max}, received ${show(value)}`)
}

/** @throws {OptionError} unless `value` is one of `allowed` */
export function oneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  if (allowed.includes(value as T)) return value as T
  throw new OptionError(`${name} must be one of ${allowed.join(', ')}, received ${show(value)}`)
}

/** @throws {OptionError} unless `value` is `true` or `false` */
export function truth(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new OptionError(`${name} must be true or false, received ${show(value)}`)
}

/** @throws {OptionError} unless `value` is a function */
export function callback<T>(name: string, value: T): T {
  if (typeof value === 'function') return value
  throw new OptionError(`${name} must be a function, received ${show(value)}`)
}

/** @throws {OptionError} unless `value` has every one of `methods` */
export function implementing<T>(name: string, value: T, methods: readonly (keyof T & string)[]): T {
  const missing = methods.find((method) => typeof value?.[method] !== 'function')
  if (missing === undefined) return value
  throw new OptionError(`${name} must have a method ${missing}(), received ${show(value)}`)
}

/** `options` over `defaults`; an option that is `undefined` was not given. */
export function withDefaults<T extends object>(
  defaults: T,
  options: { readonly [K in keyof T]?: T[K] | undefined },
): T {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return { ...defaults, ...Object.fromEntries(given) }
}

/** @throws {OptionError} for a key that is not an option, which is most often a slip of the pen */
export function knownKeys(name: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new OptionError(`${name} must be an object, received ${show(options)}`)
  }
  const stranger = Object.keys(options).find((key) => !known.includes(key))
  if (stranger === undefined) return
  throw new OptionError(`${name} has no option ${show(stranger)}; there are ${known.join(', ')}`)
}
