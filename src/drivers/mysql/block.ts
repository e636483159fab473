import { RETRYABLE } from './classify.ts'
import { isServerError, type ServerError } from './client.ts'
import type { Transaction } from './session.ts'

/** Most rows, and most values, of one block: the server keeps each of its statements parsed. */
const MOST_ROWS = 64
const MOST_VALUES = 4096

/** How many rows of so many columns one block has. */
export function rowsOfBlock(columns: number): number {
  return Math.min(MOST_ROWS, Math.floor(MOST_VALUES / columns))
}

/**
 * One statement that inserts rows singly, goes on after those that are refused, and answers with each of them. MariaDB alone has
 * blocks outside of procedures, with parameters even. What may pass, and a transaction that is lost, ends the block.
 *
 * @param insert for one row; its end may be a comment, which ends with its line
 */
export function blockSql(insert: string, rows: number): string {
  return `BEGIN NOT ATOMIC
DECLARE batchflow_row INT DEFAULT -1;
DECLARE batchflow_refused LONGTEXT DEFAULT NULL;
DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN
GET DIAGNOSTICS CONDITION 1 @batchflow_errno = MYSQL_ERRNO, @batchflow_state = RETURNED_SQLSTATE, @batchflow_message = MESSAGE_TEXT;
IF @batchflow_errno IN (${RETRYABLE.join(', ')}) OR @batchflow_state LIKE '08%' THEN RESIGNAL; END IF;
SET batchflow_refused = CONCAT_WS(',', batchflow_refused, JSON_ARRAY(batchflow_row, @batchflow_errno, @batchflow_state, @batchflow_message));
END;
${`SET batchflow_row = batchflow_row + 1; ${insert}\n;\n`.repeat(rows)}SELECT batchflow_refused;
END`
}

/** A row the server refused, by its place in the block. */
export type Refused = readonly [row: number, errno: number, state: string, message: string]

/** @param result a set of one row with one value, then the end of the block */
export function refusedIn(result: unknown): readonly Refused[] {
  const [[row]] = result as [[object]]
  const [text] = Object.values(row) as (string | Uint8Array | null)[]
  const refused = JSON.parse(`[${text ?? ''}]`) as Refused[]
  return refused.map(([row, errno, ...said]) => [Number(row), Number(errno), ...said])
}

/** What `mysql2` calls each error, as far as it was seen. */
const names = new Map<number, unknown>()

/** The error that the client would have thrown. */
export async function errorOf(refused: Refused, transaction: Transaction, like: ServerError): Promise<ServerError> {
  const [, errno, state, message] = refused
  if (!names.has(errno)) names.set(errno, await nameOf(refused, transaction))
  const error = Object.setPrototypeOf(new Error(message), Object.getPrototypeOf(like)) as Error
  return Object.assign(error, { code: names.get(errno), errno, sqlState: state, sqlMessage: message })
}

/** The server says it once more, so that the client gives it a name. */
async function nameOf([, errno, state]: Refused, transaction: Transaction): Promise<unknown> {
  if (!/^[0-9A-Z]{5}$/.test(state)) return undefined
  const again = { sql: `SIGNAL SQLSTATE '${state}' SET MYSQL_ERRNO = ${errno}` }
  return transaction.ask(again).then(
    () => undefined,
    (error) => (isServerError(error) ? Reflect.get(error, 'code') : Promise.reject(error)),
  )
}
