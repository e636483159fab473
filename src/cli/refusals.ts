import { appendFileSync } from 'node:fs'
import { type DeadLetterFile, deadLetterFile, RowFailedError } from 'batchflow-otel'
import type { DeadLetterReason } from 'batchflow-otel/consume'
import { RecordError } from './input/entry.ts'
import { fits } from './input/kinds.ts'
import type { Output } from './output.ts'
import type { Plan } from './plan.ts'
import type { Portion } from './portions.ts'

/** Rows that are told of one by one. */
const SHOWN = 20

/** Rows that are not in the table: told where and why, never what they hold, and kept where the user wants them. */
export class Refusals {
  count = 0
  readonly #file: string
  readonly #plan: Plan
  readonly #output: Output
  readonly #path: string | undefined
  readonly #letters: DeadLetterFile | undefined

  constructor(file: string, plan: Plan, output: Output, path: string | undefined) {
    this.#file = file
    this.#plan = plan
    this.#output = output
    this.#path = path
    this.#letters = path === undefined ? undefined : deadLetterFile(path)
  }

  /** Resolves when it is kept. */
  async add({ rows, lines, error }: Portion, why: DeadLetterReason): Promise<void> {
    const index = why.row ?? 0
    const [row, line] = [rows[index], lines[index]!]
    if (row === undefined) this.#keepPlace(line)
    else await this.#letters?.([this.#letterOf(row, why)])
    this.count++
    if (this.count <= SHOWN) this.#output.complain(this.#describe(line, row, error, why))
    if (this.count === SHOWN + 1) this.#output.complain('further rows that fail are counted and not shown')
  }

  /** A record that cannot be read is no row: what is kept is where it stands. */
  #keepPlace(line: number): void {
    if (this.#path === undefined) return
    appendFileSync(`${this.#path}.unread`, `${JSON.stringify({ file: this.#file, line })}\n`, { mode: 0o600 })
  }

  #letterOf(row: object, { reason, code, table }: DeadLetterReason) {
    const details = {
      reason,
      attempts: 1,
      cause: undefined,
      databaseCode: code,
      fault: 'row',
      ambiguous: false,
    } as const
    const error = new RowFailedError(table ?? this.#plan.table.name, details)
    return { table: error.table, row, error, ambiguous: false }
  }

  #describe(line: number, row: Portion['rows'][number] | undefined, error: unknown, why: DeadLetterReason): string {
    const place = `${this.#file}:${line}`
    if (row === undefined) return unread(place, error)
    const columns = this.#plan.columns.filter(({ name, kind }) => !fits(row[name], kind))
    const at = columns.map(({ name, type }) => `column ${JSON.stringify(name)} is no ${type}`)
    const code = why.code === undefined ? why.reason : `${why.reason} (${why.code})`
    return [`${place}: ${code}`, ...at].join(', ')
  }

  async close(): Promise<void> {
    await this.#letters?.close()
  }
}

/** Other errors than ours may quote the record. */
function unread(place: string, error: unknown): string {
  if (!(error instanceof RecordError)) return `${place}: it could not be read`
  const column = error.column === undefined ? '' : `:${error.column}`
  return `${place}${column}: ${error.message}`
}
