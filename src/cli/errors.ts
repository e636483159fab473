/** What the command ends with. */
export const EXIT = {
  /** All rows are in the table. */
  ok: 0,
  /** Some are not: they failed or are among the dead letters; or `check` found something. */
  rows: 1,
  /** The command line is not as it has to be. */
  usage: 2,
  /** It could not go on: the database, the file, a right or a package is missing. */
  stopped: 3,
  /** Ctrl-C, or SIGTERM. */
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What the user is told in one line, without a stack. */
export class CliError extends Error {
  readonly exitCode: ExitCode

  constructor(message: string, exitCode: ExitCode = EXIT.stopped, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CliError'
    this.exitCode = exitCode
  }
}

/** Something on the command line has to be said otherwise. */
export function usage(message: string): CliError {
  return new CliError(message, EXIT.usage)
}

/** A connection refused on several addresses has no message of its own. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || String((error as NodeJS.ErrnoException).code ?? error.name)
}
