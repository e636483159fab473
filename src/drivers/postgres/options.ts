import { boolean, type OptionsOf, oneOf, optional, parse, type Values } from '../../support/validate.ts'
import { type CompanionOptions, companionTables } from '../kit/companions.ts'

export interface PostgresOptions {
  /**
   * How plain inserts (`onConflict: { action: 'error' }`) are written. `auto`: with COPY, or with INSERT where COPY would
   * do something else (views, rules, row-level security, GENERATED ALWAYS identities) and through a pooler, where it may
   * hang. `copy`: always COPY. `insert`: always INSERT.
   *
   * @default 'auto'
   */
  readonly appendMethod?: 'auto' | 'copy' | 'insert'
  /**
   * Keep statements prepared on each connection. A pooler that cannot (PgBouncer before 1.21 in transaction mode) is
   * noticed by its first error; `false` spares that.
   *
   * @default true
   */
  readonly prepare?: boolean
  /** Tables for what is committed together with a batch; see {@link CompanionOptions}. */
  readonly companions?: CompanionOptions
}

const OPTIONS = {
  appendMethod: optional(oneOf('auto', 'copy', 'insert'), 'auto'),
  prepare: optional(boolean, true),
  companions: companionTables,
} satisfies OptionsOf<PostgresOptions>

/** @throws {OptionError} naming the option and the value it received */
export function validOptions(options: PostgresOptions): Values<typeof OPTIONS> {
  return parse('postgresExecutor', OPTIONS, options)
}
