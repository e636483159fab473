import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs'
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

/** As the command line says it: in columns. */
type Conflict = OnConflict<Record<string, unknown>>

export interface ReplayCommandOptions {
  readonly to: string
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
  { to, conflict, map, concurrency, ambiguous, json }: ReplayCommandOptions,
  output: Output,
  stop: AbortSignal,
): Promise<ExitCode> {
  const tables = tablesOf(await foundIn(path), map, conflict)
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

/** What the letters about one table hold. */
interface Found {
  readonly properties: Set<string>
  deletions: boolean
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
