import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BatchFlow, defineTable } from 'batchflow-otel'
import { type SqliteDatabase, sqliteExecutor } from 'batchflow-otel/sqlite'
import Database from 'libsql'
import type { Bench } from '../support/case.ts'
import { COLUMNS, type Event, events } from '../support/events.ts'
import { flowContender, oneByOne } from '../support/flow-contender.ts'

const SIZE = 2000
/** Rows of one statement by hand: as many as 999 parameters allow, the limit of older SQLite. */
const GROUP = Math.floor(999 / COLUMNS.length)

interface Client {
  readonly name: string
  open(file: string): SqliteDatabase
  /** Calls a statement with positional parameters, as this client takes them. */
  run(statement: { run(...parameters: never[]): unknown }, values: readonly unknown[]): unknown
}

type Write = (database: SqliteDatabase, batch: readonly Event[]) => void

/** Rows into SQLite, against a prepared statement for each of them, and statements of many rows; transactions of 2,000. */
export default async (bench: Bench) => {
  const rows = events(bench.settings.rows / 2)
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-bench-'))
  try {
    for (const client of await clients(bench)) {
      for (const action of ['append', 'upsert'] as const)
        await measure(bench, join(folder, 'bench.db'), client, action, rows)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function measure(
  bench: Bench,
  file: string,
  client: Client,
  action: 'append' | 'upsert',
  rows: readonly Event[],
): Promise<void> {
  const database = client.open(file)
  database.exec('PRAGMA journal_mode = wal; PRAGMA synchronous = normal; DROP TABLE IF EXISTS events')
  const key = action === 'upsert' ? 'PRIMARY KEY' : ''
  database.exec(`CREATE TABLE events (id INTEGER ${key}, name TEXT, email TEXT, score REAL, created TEXT)`)
  const table = defineTable<Event>('events', {
    columns: COLUMNS,
    ...(action === 'upsert' && { onConflict: { action: 'update', keys: ['id'] } }),
  })
  const present = rows.filter(({ id }) => id % 2 === 0)
  const before = async () => {
    database.exec('DELETE FROM events')
    if (action === 'upsert') inBatches(database, present, inserter(client, database, action, GROUP))
  }
  const byHand = (group: number) => {
    const insert = inserter(client, database, action, group)
    return async () => inBatches(database, rows, insert)
  }
  const flow = new BatchFlow(sqliteExecutor(database), { flushSize: SIZE })
  const turn = { rows: rows.length, before }
  const name = `sqlite ${client.name} ${action}`
  await bench.compare(
    `${name}, batches of ${SIZE}`,
    [
      flowContender({ name: 'flow', ...turn }, flow, () => oneByOne(flow, table, rows)),
      { name: 'a statement per row', ...turn, run: byHand(1) },
      { name: `statements of ${GROUP} rows`, ...turn, run: byHand(GROUP) },
    ],
    [
      { name: `${name} / per row`, target: '≥ 2', of: ['flow', 'a statement per row'] },
      { name: `${name} / multi-row`, target: '≥ 0.95', of: ['flow', `statements of ${GROUP} rows`] },
    ],
  )
  Reflect.apply(Reflect.get(database, 'close'), database, [])
}

function inBatches(database: SqliteDatabase, rows: readonly Event[], write: Write): void {
  for (let first = 0; first < rows.length; first += SIZE) {
    database.exec('BEGIN')
    write(database, rows.slice(first, first + SIZE))
    database.exec('COMMIT')
  }
}

/** @param group rows of one statement; those of the last ones are fewer */
function inserter(client: Client, database: SqliteDatabase, action: 'append' | 'upsert', group: number): Write {
  const prepared = new Map<number, ReturnType<SqliteDatabase['prepare']>>()
  const statementOf = (rows: number) => {
    if (!prepared.has(rows)) prepared.set(rows, database.prepare(sql(action, rows)))
    return prepared.get(rows)!
  }
  return (_, batch) => {
    for (let first = 0; first < batch.length; first += group) {
      const values: unknown[] = []
      const end = Math.min(first + group, batch.length)
      for (let i = first; i < end; i++) {
        const { id, name, email, score, created } = batch[i]!
        values.push(id, name, email, score, created.toISOString())
      }
      client.run(statementOf(end - first), values)
    }
  }
}

function sql(action: 'append' | 'upsert', rows: number): string {
  const values = Array.from({ length: rows }, () => '(?, ?, ?, ?, ?)').join(', ')
  const set = COLUMNS.slice(1).map((column) => `${column} = excluded.${column}`)
  const conflict = action === 'upsert' ? ` ON CONFLICT (id) DO UPDATE SET ${set.join(', ')}` : ''
  return `INSERT INTO events (${COLUMNS.join(', ')}) VALUES ${values}${conflict}`
}

async function clients(bench: Bench): Promise<Client[]> {
  const libsql: Client = {
    name: 'libsql',
    open: (file) => new Database(file),
    run: (statement, values) => statement.run(...([values] as never[])),
  }
  const module = 'node:sqlite'
  const builtIn = (await import(module).catch(() => undefined)) as
    | { DatabaseSync: new (file: string) => SqliteDatabase }
    | undefined
  if (builtIn === undefined) {
    bench.say(`no node:sqlite in Node ${process.versions.node}: it is measured from Node 22 on`)
    return [libsql]
  }
  return [
    libsql,
    {
      name: 'node:sqlite',
      open: (file) => new builtIn.DatabaseSync(file),
      run: (statement, values) => statement.run(...(values as never[])),
    },
  ]
}
