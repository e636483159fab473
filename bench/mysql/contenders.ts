import { Readable } from 'node:stream'
import { BatchFlow, defineTable } from 'batchflow-otel'
import { mysqlExecutor } from 'batchflow-otel/mysql'
import type { Pool } from 'mysql2/promise'
import type { Contender } from '../support/compare.ts'
import { flowContender } from '../support/flow-contender.ts'

interface Event {
  id: number
  name: string
  email: string
  score: number
  created: Date
}

const COLUMNS = ['id', 'name', 'email', 'score', 'created'] as const
export const CONNECTIONS = 4
/** The tables this makes. */
export const TABLES = ['bench_append', 'bench_upsert', 'bench_half']

/** Rows appended. */
export async function appendContenders(pool: Pool, count: number, size: number): Promise<Contender[]> {
  await createTable(pool, 'bench_append', '')
  const rows = events(count)
  const before = () => pool.query('TRUNCATE bench_append')
  const flow = new BatchFlow(executorFor(pool), { flushSize: size })
  const table = defineTable<Event>('bench_append', { columns: COLUMNS })
  return [
    flowContender({ name: 'flow', rows: count, before }, flow, (flow) => oneByOne(flow, table, rows)),
    loopContender('LOAD DATA LOCAL', before, rows, size, (batch) => load(pool, 'bench_append', '', batch)),
    loopContender('execute loop', before, rows, size, executing(pool, 'bench_append', '')),
  ]
}

/** Rows upserted, every other one of which is there already. */
export async function upsertContenders(pool: Pool, count: number, size: number): Promise<Contender[]> {
  await createTable(pool, 'bench_upsert', 'PRIMARY KEY')
  await createTable(pool, 'bench_half', 'PRIMARY KEY')
  const rows = events(count)
  const half = rows.filter(({ id }) => id % 2 === 0).map((row) => ({ ...row, name: 'as it was' }))
  await inBatches(half, size, executing(pool, 'bench_half', ''))
  const before = async () => {
    await pool.query('TRUNCATE bench_upsert')
    await pool.query('INSERT INTO bench_upsert SELECT * FROM bench_half')
  }
  const flow = new BatchFlow(executorFor(pool), { flushSize: size })
  const onConflict = { action: 'update', keys: ['id'] } as const
  const table = defineTable<Event>('bench_upsert', { columns: COLUMNS, onConflict })
  const set = COLUMNS.slice(1).map((column) => `${column} = VALUES(${column})`)
  const onDuplicate = ` ON DUPLICATE KEY UPDATE ${set.join(', ')}`
  return [
    flowContender({ name: 'flow', rows: count, before }, flow, (flow) => oneByOne(flow, table, rows)),
    loopContender('LOAD … REPLACE', before, rows, size, (batch) => load(pool, 'bench_upsert', 'REPLACE', batch)),
    loopContender('execute loop', before, rows, size, executing(pool, 'bench_upsert', onDuplicate)),
  ]
}

async function createTable(pool: Pool, name: string, key: string): Promise<void> {
  await pool.query(`DROP TABLE IF EXISTS ${name}`)
  const columns = `id bigint ${key}, name varchar(100), email varchar(100), score double, created datetime(3)`
  await pool.query(`CREATE TABLE ${name} (${columns})`)
}

function events(count: number): Event[] {
  const start = Date.UTC(2025, 0, 1)
  return Array.from({ length: count }, (_, i) => ({
    id: i,
    name: `user number ${i}`,
    email: `user.${i}@example.org`,
    score: i / 7,
    created: new Date(start + i * 997),
  }))
}

function executorFor(pool: Pool) {
  return mysqlExecutor(pool).withConcurrencyLimit(CONNECTIONS)
}

async function oneByOne(flow: BatchFlow, table: ReturnType<typeof defineTable<Event>>, rows: readonly Event[]) {
  for (const row of rows) await flow.submit(table, row)
}

type Write = (batch: readonly Event[]) => Promise<unknown>

function loopContender(
  name: string,
  before: Contender['before'] & {},
  rows: readonly Event[],
  size: number,
  write: Write,
): Contender {
  return { name, rows: rows.length, before, run: () => inBatches(rows, size, write) }
}

/** The loop one writes by hand: as many workers as connections, each taking the next slice. */
async function inBatches(rows: readonly Event[], size: number, write: Write): Promise<void> {
  let next = 0
  const work = async () => {
    while (next < rows.length) {
      const batch = rows.slice(next, next + size)
      next += size
      await write(batch)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, work))
}

/** Sends one INSERT for all rows of a batch, which `mysql2` prepares once per connection and number of rows. */
function executing(pool: Pool, table: string, onDuplicate: string): Write {
  const texts = new Map<number, string>()
  const textFor = (rows: number) => {
    const values = '(?, ?, ?, ?, ?), '.repeat(rows).slice(0, -2)
    return `INSERT INTO ${table} (${COLUMNS.join(', ')}) VALUES ${values}${onDuplicate}`
  }
  return (batch) => {
    const text = texts.get(batch.length) ?? textFor(batch.length)
    texts.set(batch.length, text)
    const values: (string | number | Date)[] = []
    for (const row of batch) values.push(row.id, row.name, row.email, row.score, row.created)
    return pool.execute(text, values)
  }
}

/** @param duplicates what becomes of rows that are there: nothing, or `REPLACE` */
function load(pool: Pool, table: string, duplicates: string, batch: readonly Event[]): Promise<unknown> {
  const sql = `LOAD DATA LOCAL INFILE 'batch' ${duplicates} INTO TABLE ${table} CHARACTER SET utf8mb4 (${COLUMNS.join(', ')})`
  const file = Buffer.from(batch.map(line).join(''))
  return pool.query({ sql, infileStreamFactory: () => Readable.from([file]) })
}

function line({ id, name, email, score, created }: Event): string {
  const date = created.toISOString().replace('T', ' ').slice(0, -1)
  return `${id}\t${escaped(name)}\t${escaped(email)}\t${score}\t${date}\n`
}

const SPECIAL = /[\\\n\t]/

function escaped(text: string): string {
  return SPECIAL.test(text) ? text.replace(/[\\\n\t]/g, (character) => `\\${character}`) : text
}
