import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import {
  BatchFlow,
  type DeadLetter,
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

/** Messages of rows that failed again, at most. */
const SHOWN = 20

/** As the command line says it: in columns. */
type Conflict = OnConflict<Record<string, unknown>>

export interface ReplayCommandOptions {
  readonly to: string
  /** The only one whose letters are replayed; `undefined`: all. */
  readonly table: string | undefined
  readonly conflict: Conflict
  /** Properties that go to a column of another name. */
  readonly map: ReadonlyMap<string, string>
  readonly concurrency: number
  readonly ambiguous: 'submit' | 'keep'
  readonly json: boolean
}

/** Submits the rows of a dead-letter file again, to the tables they were meant for. */
export async function replay(
  path: string,
  { to, table, conflict, map, concurrency, ambiguous, json }: ReplayCommandOptions,
  output: Output,
  stop: AbortSignal,
): Promise<ExitCode> {
  const tables = tablesOf(chosen(await foundIn(path), table), map, conflict)
  const database = await openDatabase({ url: to, connections: concurrency })
  const letters = deadLetterFile(path)
  const tell = teller(output)
  const deadLetter = (failed: readonly DeadLetter[]) => {
    tell(failed)
    return letters(failed)
  }
  const flow = new BatchFlow(database.executor.withConcurrencyLimit(concurrency), { deadLetter })
  try {
    const onProgress = ({ read, committed, failed }: { read: number; committed: number; failed: number }) =>
      output.say(
        `${thousands(read)} letters read, ${thousands(committed)} rows committed, ${thousands(failed)} failed again`,
      )
    const unknownTable = table === undefined ? 'error' : 'keep'
    const options = { signal: stop, onProgress, ambiguous, unknownTable } as const
    const summary = await replayDeadLetters(path, flow, tables, options)
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

/** Says why rows failed again: rows of one table and reason once, as a message holds no value of theirs. */
function teller(output: Output): (failed: readonly DeadLetter[]) => void {
  const told = new Set<string>()
  return (failed) => {
    for (const { error } of failed) {
      if (told.size === SHOWN || told.has(error.message)) continue
      told.add(error.message)
      output.complain(error.message)
    }
  }
}

/** What the letters about one table hold. */
interface Found {
  readonly properties: Set<string>
  deletions: boolean
}

function chosen(found: ReadonlyMap<string, Found>, table: string | undefined): ReadonlyMap<string, Found> {
  if (table === undefined) return found
  const its = found.get(table)
  if (its === undefined) throw usage(`--table: there is no letter of ${JSON.stringify(table)}`)
  return new Map([[table, its]])
}

/** A letter names its table; what is written are the properties that its rows have. */
function tablesOf(
  found: ReadonlyMap<string, Found>,
  map: ReadonlyMap<string, string>,
  conflict: Conflict,
): readonly Table[] {
  const all = [...found.values()]
  const stranger = [...map.keys()].find((property) => !all.some(({ properties }) => properties.has(property)))
  if (stranger !== undefined) throw usage(`--map: no letter has a property ${JSON.stringify(stranger)}`)
  return Array.from(found, ([name, { properties, deletions }]) => {
    if (deletions && !('keys' in conflict))
      throw usage(`there are deletions of table ${name}: --on-conflict must name its keys, as in update:id`)
    const columns = Object.fromEntries(Array.from(properties, (property) => [property, map.get(property) ?? property]))
    const onConflict = inProperties(conflict, columns)
    return defineTable<Row>(name, { columns: columns as never, onConflict: onConflict as never, deletes: deletions })
  })
}

function inProperties(conflict: Conflict, columns: Readonly<Record<string, string>>): Conflict {
  const byColumn = new Map(Object.entries(columns).map(([property, column]) => [column, property]))
  const propertyOf = (column: string) => byColumn.get(column) ?? column
  const keys = 'keys' in conflict && { keys: conflict.keys?.map(propertyOf) }
  const newer = 'newer' in conflict && conflict.newer !== undefined && { newer: propertyOf(conflict.newer) }
  return { ...conflict, ...keys, ...newer } as Conflict
}

/** By the table that letters name. */
async function foundIn(path: string): Promise<ReadonlyMap<string, Found>> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new CliError(`${path} is a folder, no file`)
  const files = filesOf(path)
  if (files.length === 0) throw new CliError(`there is no file ${path}`)
  const found = new Map<string, Found>()
  for (const file of files) {
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      const letter = letterOf(line)
      if (letter === undefined) continue
      const known = found.get(letter.table) ?? { properties: new Set(), deletions: false }
      for (const property of Object.keys(letter.row)) known.properties.add(property)
      known.deletions ||= letter.isDeletion
      found.set(letter.table, known)
    }
  }
  return found
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
