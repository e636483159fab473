import { type OptionsOf, oneOf, optional, parse, type Values } from '../../support/validate.ts'
import { type CompanionOptions, companionTables } from '../kit/companions.ts'

export interface SqliteOptions {
  /**
   * How a `Date` is stored; SQLite has no type of its own for it. `iso`: as text, `2026-01-31T12:00:00.000Z`, which its
   * date functions read and which sorts by time. `milliseconds`: as an integer, since 1970.
   *
   * @default 'iso'
   */
  readonly dates?: 'iso' | 'milliseconds'
  /** Tables for what is committed together with a batch; see {@link CompanionOptions}. */
  readonly companions?: CompanionOptions
}

const OPTIONS = {
  dates: optional(oneOf('iso', 'milliseconds'), 'iso'),
  companions: companionTables,
} satisfies OptionsOf<SqliteOptions>

/** @throws {OptionError} naming the option and the value it received */
export function validOptions(options: SqliteOptions): Values<typeof OPTIONS> {
  return parse('sqliteExecutor', OPTIONS, options)
}
