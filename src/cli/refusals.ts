import { appendFileSync } from 'node:fs'
import { type DeadLetterFile, deadLetterFile, RowFailedError } from 'batchflow-otel'
import type { DeadLetterReason } from 'batchflow-otel/consume'
import { type Entry, RecordError } from './input/entry.ts'
import { fits } from './input/kinds.ts'
import type { Output } from './output.ts'
import type { Plan } from './plan.ts'

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
  async add(entry: Entry, why: DeadLetterReason): Promise<void> {
    const row = why.reason === 'decode' ? undefined : this.#plan.rowOf(entry)
    if (row === undefined) this.#keepPlace(entry)
    else await this.#letters?.([this.#letterOf(row, why)])
    this.count++
    if (this.count <= SHOWN) this.#output.complain(this.#describe(entry, row, why))
    if (this.count === SHOWN + 1) this.#output.complain('further rows that fail are counted and not shown')
  }

  /** A record that cannot be read is no row: what is kept is where it stands. */
  #keepPlace({ line }: Entry): void {
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

  #describe(entry: Entry, row: Record<string, unknown> | undefined, why: DeadLetterReason): string {
    const place = `${this.#file}:${entry.line}`
    if (row === undefined) return this.#unread(entry, place)
    const columns = this.#plan.columns.filter(({ name, kind }) => !fits(row[name], kind))
    const at = columns.map(({ name, type }) => `column ${JSON.stringify(name)} is no ${type}`)
    const code = why.code === undefined ? why.reason : `${why.reason} (${why.code})`
    return [`${place}: ${code}`, ...at].join(', ')
  }

  /** Read anew, as the worker tells no more than that it could not. */
  #unread(entry: Entry, place: string): string {
    try {
      this.#plan.rowOf(entry)
      return `${place}: it could not be read`
    } catch (error) {
      if (!(error instanceof RecordError)) return `${place}: it could not be read`
      const column = error.column === undefined ? '' : `:${error.column}`
      return `${place}${column}: ${error.message}`
    }
  }

  async close(): Promise<void> {
    await this.#letters?.close()
  }
}
