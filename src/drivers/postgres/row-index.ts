import type { BatchInput } from '../../contract/driver.ts'
import type { ServerError } from './client.ts'

/**
 * Which row of a COPY the server complains about: it says so in the error's context, `COPY users, line 3, column age`.
 * The context of a nested error has several lines, and a table's name or a value may look like one of them, so the hint
 * counts only when there is exactly one. And only for errors of data: for others the line is merely how far it had read.
 */
export function rowIndexOf({ code, where }: ServerError, batch: BatchInput): number | undefined {
  if (!/^(?:08P01|22|23|P0)/.test(code)) return undefined
  const prefix = `COPY ${batch.table.path.at(-1)}, line `
  const parts = `\n${where ?? ''}`.split(`\n${prefix}`)
  const line = parts.length === 2 ? /^\d+/.exec(parts[1]!)?.[0] : undefined
  const index = Number(line) - 1
  return index >= 0 && index < batch.rows.length ? index : undefined
}
