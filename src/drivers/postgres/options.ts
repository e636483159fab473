import { OptionError } from '../../contract/errors.ts'

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
}

const METHODS: readonly unknown[] = ['auto', 'copy', 'insert']

/** @throws {OptionError} naming the option and the value it received */
export function validOptions(options: PostgresOptions): Required<PostgresOptions> {
  const { appendMethod = 'auto', prepare = true } = options
  if (!METHODS.includes(appendMethod)) {
    throw new OptionError(`appendMethod must be one of ${METHODS.join(', ')}, received ${String(appendMethod)}`)
  }
  if (typeof prepare !== 'boolean') throw new OptionError(`prepare must be a boolean, received ${String(prepare)}`)
  return { appendMethod, prepare }
}
