import { AttemptError, type RowFailure } from '../../contract/driver.ts'
import { traitsOf } from '../../contract/reasons.ts'
import { classify } from './classify.ts'
import type { ServerError } from './client.ts'

/** A lock, a deadlock, memory: another attempt may succeed. What was cancelled took too long, and would again. */
export function mayPass(refusal: ServerError): boolean {
  return traitsOf(reasonOf(refusal)).retryable && refusal.code !== '57014'
}

/** `undefined`: the error does not tell whether a row is at fault or the place. */
export function isRowAtFault(refusal: ServerError): boolean | undefined {
  return traitsOf(reasonOf(refusal)).isolate
}

/** What became of the rows: those that were refused, and how many were inserted or updated. */
export interface Salvaged {
  readonly failures: readonly RowFailure[]
  readonly written: number
}

/**
 * @param answer of the server; see `OUTCOME`
 * @param like the error that the batch failed with, an error of the client's own class
 */
export function salvagedOf(answer: string | undefined, like: ServerError): Salvaged {
  const [written, refused] = JSON.parse(answer ?? '[0, []]') as [number, Refused[]]
  const failures = refused.map((fields) => {
    const [index] = fields
    return { index, error: new AttemptError(errorOf(fields, like), { rowIndex: index }) }
  })
  return { failures, written }
}

/** With so many rows, and every one of them refused, it is not the rows that are at fault. */
const MANY = 64

/** No row was written, under errors that do not tell whose fault it is. */
export function isInVain(failures: readonly RowFailure[], rows: number): boolean {
  if (rows < MANY || failures.length < rows) return false
  return failures.every(({ error }) => isRowAtFault((error as AttemptError).cause as ServerError) === undefined)
}

/** The place of a row in its batch, and what the server said of it, with empty texts for what it left out. */
type Refused = readonly [index: number, ...said: string[]]

/** As `pg` names them. */
const FIELDS = ['detail', 'hint', 'schema', 'table', 'column', 'dataType', 'constraint', 'where']

function errorOf([, code, message, ...said]: Refused, like: ServerError): ServerError {
  const error = Object.setPrototypeOf(new Error(message), Object.getPrototypeOf(like)) as Error
  const fields = FIELDS.map((field, i) => [field, said[i] || undefined] as const)
  return Object.assign(error, Object.fromEntries(fields), { name: like.name, severity: like.severity, code: code! })
}

function reasonOf(refusal: ServerError): string {
  return classify(refusal)?.reason ?? 'unknown'
}
