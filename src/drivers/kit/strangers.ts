import { OptionError } from '../../support/batchflow-error.ts'

/** What may be given in place of a client, and would only fail with the first batch. */
export interface Stranger {
  /** Tells it by what it has. */
  readonly is: (given: object) => boolean
  /** What it is, and what to do. */
  readonly what: string
}

/**
 * @param wanted the option and what it must be: `postgresExecutor: pool must be a pg.Pool`
 * @throws {OptionError} when it is one of the strangers
 */
export function refuseStrangers(wanted: string, strangers: readonly Stranger[], given: unknown): void {
  if (typeof given !== 'object' || given === null) return
  const found = strangers.find(({ is }) => is(given))
  if (found !== undefined) throw new OptionError(`${wanted}, received ${found.what}`)
}

/** Whether it has all of these methods. */
export function having(...methods: readonly string[]): (given: object) => boolean {
  return (given) => methods.every((method) => typeof Reflect.get(given, method) === 'function')
}

/** What leads from one property to the next; `undefined` where that ends before. */
export function property(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce<unknown>((at, name) => (isObject(at) ? Reflect.get(at, name) : undefined), value)
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
