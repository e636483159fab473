import { boolean, type OptionsOf, optional, parse } from '../../support/validate.ts'

export interface MysqlOptions {
  /**
   * Send rows as parameters of prepared statements. Turn it off for a proxy that cannot prepare; `mysql2` then escapes
   * the values into the text of each statement. Also left off by itself once the server refuses to keep more prepared
   * statements (`max_prepared_stmt_count`).
   *
   * @default true
   */
  readonly prepare?: boolean
}

const OPTIONS = { prepare: optional(boolean, true) } satisfies OptionsOf<MysqlOptions>

/** @throws {OptionError} naming the option and the value it received */
export function validOptions(options: MysqlOptions): Required<MysqlOptions> {
  return parse('mysqlExecutor', OPTIONS, options)
}
