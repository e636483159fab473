import type { MysqlConnection, ServerError } from './client.ts'

/** Every message about a value ends so, whatever the value itself says (MySQL and MariaDB error message reference). */
const AT_ROW = / at row (\d+)$/
const NAMES_ROW = new Set([1263, 1264, 1265, 1292, 1366, 1406, 1416, 3140, 3156])
/** The database refuses a row, and not the statement. */
const ABOUT_ROW = /^(?:22|23|45|21000)/

/**
 * Which row of the statement the server seems to complain about, from 0: it says so in the message about a value, and
 * MariaDB since 10.7 tells when asked right after the statement. Only a suspicion: where a trigger inserts rows of its own
 * the number is one of theirs.
 */
export async function rowIndexOf(connection: MysqlConnection, error: ServerError): Promise<number | undefined> {
  if (NAMES_ROW.has(error.errno)) {
    const row = AT_ROW.exec(error.message)?.[1]
    if (row !== undefined) return Number(row) - 1
  }
  if (!ABOUT_ROW.test(error.sqlState)) return undefined
  return askForRow(connection).catch(() => undefined)
}

/** Other servers find the question ungrammatical. */
async function askForRow(connection: MysqlConnection): Promise<number | undefined> {
  await connection.query({ sql: 'GET DIAGNOSTICS CONDITION 1 @batchflow_row = ROW_NUMBER' })
  const [rows] = await connection.query({ sql: 'SELECT @batchflow_row', rowsAsArray: true })
  const row = Number((rows as unknown[][])[0]?.[0])
  return row > 0 ? row - 1 : undefined
}
