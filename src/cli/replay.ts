import { createReadStream, existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import {
  BatchFlow,
  deadLetterFile,
  defineTable,
  type OnConflict,
  type Row,
  replayDeadLetters,
  type Table,
} from 'batchflow-otel'
import { openDatabase } from './databases/open.ts'
import { CliError, EXIT, type ExitCode, usage } from './errors.ts'
import { type Output, thousands } from './output.ts'

export interface ReplayCommandOptions {
  readonly to: string
  readonly conflict: OnConflict<Record<string, unknown>>
  readonly concurrency: number
  readonly ambiguous: 'submit' | 'keep'
  readonly json: boolean
}

/** Submits the rows of a dead-letter file again, to the tables they were meant for. */
export async function replay(
  path: string,
  { to, conflict, concurrency, ambiguous, json }: ReplayCommandOptions,
  output: Output,
  stop: AbortSignal,
): Promise<ExitCode> {
  const tables = await tablesIn(path, conflict)
  const database = await openDatabase({ url: to, connections: concurrency })
  const letters = deadLetterFile(path)
  const flow = new BatchFlow(database.executor.withConcurrencyLimit(concurrency), { deadLetter: letters })
  try {
    const onProgress = ({ read, committed, failed }: { read: number; committed: number; failed: number }) =>
      output.say(
        `${thousands(read)} letters read, ${thousands(committed)} rows committed, ${thousands(failed)} failed again`,
      )
    const summary = await replayDeadLetters(path, flow, tables, { signal: stop, onProgress, ambiguous })
    const { committed, failed, kept, torn, remaining } = summary
    const text = `${thousands(committed)} rows committed, ${thousands(failed)} failed again, ${thousands(kept)} kept, ${thousands(torn)} unreadable, ${thousands(remaining)} letters left`
    console.log(json ? JSON.stringify(summary) : text)
    if (stop.aborted) return EXIT.interrupted
    return remaining + torn > 0 ? EXIT.rows : EXIT.ok
  } finally {
    await flow.close()
    await letters.close()
    await database.close()
  }
}

/** A letter names its table; the columns are those that its rows have. */
async function tablesIn(path: string, conflict: OnConflict<Record<string, unknown>>): Promise<readonly Table[]> {
  const files = filesOf(path)
  if (files.length === 0) throw new CliError(`there is no file ${path}`)
  const columns = new Map<string, Set<string>>()
  const deleting = new Set<string>()
  for (const file of files) {
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      const letter = letterOf(line)
      if (letter === undefined) continue
      const known = columns.get(letter.table) ?? new Set<string>()
      for (const column of Object.keys(letter.row)) known.add(column)
      columns.set(letter.table, known)
      if (letter.isDeletion) deleting.add(letter.table)
    }
  }
  const [table] = deleting
  if (table !== undefined && !('keys' in conflict))
    throw usage(`${path} has deletions of table ${table}: --on-conflict must name its keys, as in update:id`)
  return Array.from(columns, ([name, names]) =>
    defineTable<Row>(name, {
      columns: [...names] as never[],
      onConflict: conflict as never,
      deletes: deleting.has(name),
    }),
  )
}

/** The current file, those set aside beside it, and what a replay that was interrupted has not done yet. */
function filesOf(path: string): string[] {
  const folder = dirname(path)
  if (!existsSync(folder)) return []
  const name = basename(path)
  return readdirSync(folder)
    .filter((file) => file === name || (file.startsWith(`${name}.`) && !/\.(torn|unread)$/.test(file)))
    .map((file) => join(folder, file))
}

/** The row of a deletion are its keys. */
function letterOf(line: string): { table: string; row: object; isDeletion: boolean } | undefined {
  try {
    const { table, row } = JSON.parse(line)
    if (typeof table !== 'string' || typeof row !== 'object' || row === null) return undefined
    const isDeletion = Object.keys(row).join() === '$delete'
    return { table, row: isDeletion ? row.$delete : row, isDeletion }
  } catch {
    return undefined
  }
}
