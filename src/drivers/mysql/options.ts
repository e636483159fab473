import { boolean, type OptionsOf, optional, parse, type Values } from '../../support/validate.ts'
import { type CompanionOptions, companionTables } from '../kit/companions.ts'

export interface MysqlOptions {
  /**
   * Send rows as parameters of prepared statements. Turn it off for a proxy that cannot prepare; `mysql2` then escapes
   * the values into the text of each statement. Also left off by itself once the server refuses to keep more prepared
   * statements (`max_prepared_stmt_count`).
   *
   * @default true
   */
  readonly prepare?: boolean
  /** Tables for what is committed together with a batch; see {@link CompanionOptions}. */
  readonly companions?: CompanionOptions
}

const OPTIONS = { prepare: optional(boolean, true), companions: companionTables } satisfies OptionsOf<MysqlOptions>

/** @throws {OptionError} naming the option and the value it received */
export function validOptions(options: MysqlOptions): Values<typeof OPTIONS> {
  return parse('mysqlExecutor', OPTIONS, options)
}
