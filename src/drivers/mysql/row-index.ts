import { isServerError, type ServerError } from './client.ts'
import type { Transaction } from './session.ts'

/** Every message about a value ends so, whatever the value itself says (MySQL and MariaDB error message reference). */
const AT_ROW = / at row (\d+)$/
const NAMES_ROW = new Set([1263, 1264, 1265, 1292, 1366, 1406, 1416, 3140, 3156])
/** The database refuses a row, and not the statement; so do triggers, which say whatever they like. */
const ABOUT_ROW = /^(?:22|23|45|21000)/

/** The SQLSTATE alone tells that a row is at fault. */
export function isAboutRow({ sqlState }: ServerError): boolean {
  return ABOUT_ROW.test(sqlState)
}

/**
 * Which row of the statement the server seems to complain about, from 0: it says so in the message about a value, and
 * MariaDB since 10.7 tells when asked right after the statement. Only a suspicion: where a trigger inserts rows of its own
 * the number is one of theirs.
 */
export async function rowIndexOf(transaction: Transaction, error: ServerError): Promise<number | undefined> {
  if (NAMES_ROW.has(error.errno)) {
    const row = AT_ROW.exec(error.message)?.[1]
    if (row !== undefined) return Number(row) - 1
  }
  try {
    await transaction.ask({ sql: 'GET DIAGNOSTICS CONDITION 1 @batchflow_row = ROW_NUMBER' })
    const row = Number((await transaction.ask({ sql: 'SELECT @batchflow_row' }))[0]?.[0])
    return row > 0 ? row - 1 : undefined
  } catch (doubt) {
    if (isServerError(doubt)) return undefined // other servers find the question ungrammatical
    throw doubt
  }
}
