import type { BatchRun } from '../executor/batch-run.ts'
import { fingerprint } from '../support/fingerprint.ts'
import { logError } from '../support/guard.ts'
import {
  type Check,
  callback,
  implementing,
  nested,
  number,
  type OptionsOf,
  optional,
  refuse,
  required,
  type Values,
} from '../support/validate.ts'
import type { BatchLogLine, LogLine } from './log-line.ts'

/** What pino, console and most loggers have in common. */
export interface Logger {
  info(line: object, message: string): void
  warn(line: object, message: string): void
  error(line: object, message: string): void
}

export interface LogOptions {
  /** Whoever has `info`, `warn` and `error`: pino, bunyan, `console`. */
  readonly logger: Logger
  /** Batches that take longer than this from leaving the lane until settled are slow, in ms. @default 1000 */
  readonly slow?: number
  /**
   * Which batches get a line: `errors`, `errors and slow`, or these and a share of all others, 0 to 1.
   * @default 'errors and slow'
   */
  readonly sample?: 'errors' | 'errors and slow' | number
  /** Changes a line before it is written, or drops it with `undefined`. Lines of outages have `outage`, no `table`. */
  readonly redact?: (line: LogLine) => object | undefined
}

const sample: Check<NonNullable<LogOptions['sample']>> = (option, value) => {
  if (value === 'errors' || value === 'errors and slow') return value
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  return refuse(option, 'errors, errors and slow, or a number from 0 to 1', value)
}

const LOG = {
  logger: required(implementing<Logger>('a logger', 'info', 'warn', 'error')),
  slow: optional(number(0, Number.POSITIVE_INFINITY), 1000),
  sample: optional(sample, 'errors and slow'),
  redact: optional(callback<NonNullable<LogOptions['redact']>>(), (line) => line),
} satisfies OptionsOf<LogOptions>

export const logOptions = nested(LOG)

/** Writes one structured line per batch that is worth one. */
export class BatchLog {
  readonly #database: string
  readonly #options: Values<typeof LOG>

  constructor(database: string, options: Values<typeof LOG>) {
    this.#database = database
    this.#options = options
  }

  /** @param durationMs from leaving the lane until settled */
  settled(run: BatchRun, failed: number, durationMs: number): void {
    const level = this.#levelOf(failed, durationMs)
    if (level === undefined) return
    const line = this.#lineOf(run, failed, durationMs)
    this.write(level, line, messageOf(line, level))
  }

  /** Whatever redactor and logger throw stays here. */
  write(level: 'info' | 'warn' | 'error', line: LogLine, message: string): void {
    const { redact, logger } = this.#options
    try {
      const shown = redact(line)
      if (shown !== undefined) logger[level](shown, message)
    } catch (error) {
      logError('the logger threw', error)
    }
  }

  #levelOf(failed: number, durationMs: number): 'info' | 'warn' | 'error' | undefined {
    const { sample, slow } = this.#options
    if (failed > 0) return 'error'
    if (sample === 'errors') return undefined
    if (durationMs > slow) return 'warn'
    return typeof sample === 'number' && Math.random() < sample ? 'info' : undefined
  }

  #lineOf(run: BatchRun, failed: number, durationMs: number): BatchLogLine {
    const { batch, attempts, reason, code, detail, ambiguous, text, ids } = run
    return {
      database: this.#database,
      table: batch.table.name,
      status: failed > 0 ? 'fail' : 'success',
      ...(reason !== undefined && { reason }),
      ...(code !== undefined && { code }),
      rows: batch.rows.length,
      accepted: batch.accepted,
      failed,
      ...(ambiguous > 0 && { ambiguous }),
      ...(detail !== undefined && { detail }),
      attempts,
      trigger: batch.trigger,
      durationMs: Math.round(durationMs * 1000) / 1000,
      ...(text !== undefined && { fingerprint: fingerprint(text) }),
      ...ids,
    }
  }
}

function messageOf({ table, failed, accepted, reason }: BatchLogLine, level: string): string {
  if (level === 'error') return `batch of ${table}: ${failed} of ${accepted} rows failed (${reason})`
  return level === 'warn' ? `batch of ${table} was slow` : `batch of ${table}`
}
