import { type OptionsOf, oneOf, optional, parse } from '../../support/validate.ts'

export interface SqliteOptions {
  /**
   * How a `Date` is stored; SQLite has no type of its own for it. `iso`: as text, `2026-01-31T12:00:00.000Z`, which its
   * date functions read and which sorts by time. `milliseconds`: as an integer, since 1970.
   *
   * @default 'iso'
   */
  readonly dates?: 'iso' | 'milliseconds'
}

const OPTIONS = { dates: optional(oneOf('iso', 'milliseconds'), 'iso') } satisfies OptionsOf<SqliteOptions>

/** @throws {OptionError} naming the option and the value it received */
export function validOptions(options: SqliteOptions): Required<SqliteOptions> {
  return parse('sqliteExecutor', OPTIONS, options)
}
