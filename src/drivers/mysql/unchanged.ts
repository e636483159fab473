import { property } from '../kit/strangers.ts'
import { UNCHANGED } from './sql.ts'

/**
 * How many of the rows that a statement upserted were there already and did not change. For each row the server counts 1 where it
 * was inserted and 2 where it was updated; one that did not change counts 1 with `CLIENT_FOUND_ROWS`, else 0, and so it does
 * among the duplicates (MySQL documentation, "mysql_affected_rows()" and "mysql_info()"). So the rule below holds with and
 * without that flag. The server says nothing of duplicates when it was sent a single row.
 *
 * @param said what the client makes of the answer
 */
export function unchangedIn(said: unknown, rows: number): number {
  const affected = Number(property(said, 'affectedRows'))
  if (rows === 1) return Number(affected === 0 || (affected === 1 && property(said, 'insertId') === UNCHANGED))
  const [, duplicates] = String(property(said, 'info')).match(/\d+/g) ?? [] // "Records: 3  Duplicates: 1  Warnings: 0" in any language
  return Math.max(0, rows + Number(duplicates) - affected) || 0
}
