import { AttemptError, type RowFailure } from '../../contract/driver.ts'
import { CompanionError } from '../../contract/errors.ts'
import type { Classification } from '../../contract/reasons.ts'
import { pathOf } from '../../contract/table.ts'
import { type Check, nested, type OptionsOf, optional } from '../../support/validate.ts'

/** Tables of our own, named like those of `defineTable`. They are made where they are missing. */
export interface CompanionOptions {
  /** Positions of durable logs that have been read, for `position: 'database'`. @default 'batchflow_positions' */
  readonly positions?: string
  /** Tokens of batches, for `onAmbiguous: 'verify'`. @default 'batchflow_tokens' */
  readonly tokens?: string
}

export type CompanionTables = Required<CompanionOptions>

const tableName: Check<string> = (option, value) => {
  pathOf(option, value)
  return value as string
}

const COMPANIONS = {
  positions: optional(tableName, 'batchflow_positions'),
  tokens: optional(tableName, 'batchflow_tokens'),
} satisfies OptionsOf<CompanionOptions>

/** The option `companions` of a driver. */
export const companionTables = optional<CompanionTables>(nested(COMPANIONS), {
  positions: 'batchflow_positions',
  tokens: 'batchflow_tokens',
})

/** Rows deleted at once by a sweep, and how often at most. */
export const SWEPT = 5000
export const MOST_SWEEPS = 1000

/** Deletes in small portions, so that nobody waits for locks or room for long. @param deleteSome returns how many it deleted */
export async function sweepAll(deleteSome: () => Promise<number>, signal: AbortSignal): Promise<number> {
  let total = 0
  for (let i = 0; i < MOST_SWEEPS && !signal.aborted; i++) {
    const deleted = await deleteSome()
    total += deleted
    if (deleted < SWEPT) break
  }
  return total
}

/** One of our tables is not there, and could not be made. @param ddl what makes it */
export function notMade(table: string, ddl: string, cause: unknown): CompanionError {
  const message = `table ${table} is missing and could not be made: ${wordsOf(cause)}; run it as somebody who may: ${ddl}`
  return new CompanionError(message, { cause })
}

/** One of our tables did not take what goes with a batch. @param rights what it needs */
export function notTaken(table: string, rights: string, cause: unknown): CompanionError {
  const message = `table ${table} refused what is committed together with a batch: ${wordsOf(cause)}; it needs: ${rights}`
  return new CompanionError(message, { cause })
}

/** A token was written before: an attempt that nobody could end has come through after all, and committed its rows. */
export function alreadyTaken(cause: unknown): AttemptError {
  return new AttemptError(new CompanionError('this batch was committed before', { cause }), { ambiguous: true })
}

/**
 * An attempt that may have been carried out, and the rows it would have left out.
 *
 * @param refusedOf is not asked where another attempt of the same rows was carried out: who made that one knows
 */
export function withRefused(error: unknown, refusedOf: () => readonly RowFailure[]): unknown {
  if (!(error instanceof AttemptError) || !error.ambiguous || error.cause instanceof CompanionError) return error
  return error.restated({ refused: refusedOf() })
}

/** As the error beneath is, and with the words that tell what to do: they hold no value of a row. */
export function classifyCompanion(
  error: unknown,
  classify: (cause: unknown) => Classification | undefined,
): Classification | undefined {
  if (!(error instanceof CompanionError)) return undefined
  return { reason: 'unknown', ...classify(error.cause), detail: error.message }
}

function wordsOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
