import { once } from 'node:events'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { BatchFlow, defineTable, type Executor, type Table } from 'batchflow-otel'
import { OtelMetricsReporter } from 'batchflow-otel/otel'
import { postgresExecutor } from 'batchflow-otel/postgres'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { flowContender } from './flow-contender.ts'
import { NullReader } from './null-reader.ts'
import type { Contender } from './turns.ts'

export interface Event {
  id: number
  name: string
  email: string
  score: number
  created: Date
}

const COLUMNS = ['id', 'name', 'email', 'score', 'created'] as const
export const CONNECTIONS = 4
/** Distinct keys of the upsert: none twice in a batch, each several times in a run. */
const KEYS = 25_000

/** Rows appended; the last contender is what one writes by hand with pg-copy-streams. */
export async function appendContenders(pool: pg.Pool, count: number, size: number): Promise<Contender[]> {
  const table = await eventTable(pool, 'bench_append')
  const rows = events(count, count)
  const before = () => pool.query('TRUNCATE bench_append')
  const flow = (name: string, executor: Executor) =>
    flowContender({ name, rows: count, before }, new BatchFlow(executor, { flushSize: size }), (flow) =>
      oneByOne(flow, table, rows),
    )
  return [
    flow('noop', executorFor(pool)),
    flow('otel', executorFor(pool).withMetricsReporter(otelReporter())),
    { name: 'copyLoop', rows: count, before, run: () => inBatches(rows, size, (batch) => copyBatch(pool, batch)) },
  ]
}

/** Rows upserted; the last contender is what one writes by hand with unnest and a prepared statement. */
export async function upsertContenders(pool: pg.Pool, count: number, size: number): Promise<Contender[]> {
  await createTable(pool, 'bench_upsert', 'PRIMARY KEY')
  const rows = events(count, KEYS)
  const onConflict = { action: 'update', keys: ['id'] } as const
  const table = defineTable<Event>('bench_upsert', { columns: COLUMNS, onConflict })
  const before = () => pool.query('VACUUM bench_upsert')
  const flow = new BatchFlow(executorFor(pool), { flushSize: size })
  return [
    flowContender({ name: 'flow', rows: count, before }, flow, () => oneByOne(flow, table, rows)),
    { name: 'unnestLoop', rows: count, before, run: () => inBatches(rows, size, (batch) => unnestBatch(pool, batch)) },
  ]
}

/** A fresh table without keys, to append to. */
export async function eventTable(pool: pg.Pool, name: string): Promise<Table<Event>> {
  await createTable(pool, name, '')
  return defineTable<Event>(name, { columns: COLUMNS })
}

async function createTable(pool: pg.Pool, name: string, key: string): Promise<void> {
  await pool.query(`DROP TABLE IF EXISTS ${name}`)
  await pool.query(`CREATE TABLE ${name} (id bigint ${key}, name text, email text, score float8, created timestamptz)`)
}

export function events(count: number, keys: number): Event[] {
  const start = Date.UTC(2025, 0, 1)
  return Array.from({ length: count }, (_, i) => ({
    id: i % keys,
    name: `user number ${i}`,
    email: `user.${i}@example.org`,
    score: i / 7,
    created: new Date(start + i * 997),
  }))
}

export function executorFor(pool: pg.Pool): Executor {
  return postgresExecutor(pool).withConcurrencyLimit(CONNECTIONS)
}

export function otelReporter(): OtelMetricsReporter {
  const meterProvider = new MeterProvider({ readers: [new NullReader()] })
  return new OtelMetricsReporter({ meterProvider })
}

export async function oneByOne(flow: BatchFlow, table: Table<Event>, rows: readonly Event[]): Promise<void> {
  for (const row of rows) await flow.submit(table, row)
}

/** The loop one writes by hand: as many workers as connections, each taking the next slice. */
async function inBatches(
  rows: readonly Event[],
  size: number,
  write: (batch: Event[]) => Promise<void>,
): Promise<void> {
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

async function copyBatch(pool: pg.Pool, batch: readonly Event[]): Promise<void> {
  const client = await pool.connect()
  try {
    const stream = client.query(copyFrom('COPY bench_append (id, name, email, score, created) FROM STDIN'))
    stream.end(batch.map(line).join(''))
    await once(stream, 'finish')
  } finally {
    client.release()
  }
}

function line({ id, name, email, score, created }: Event): string {
  return `${id}\t${escaped(name)}\t${escaped(email)}\t${score}\t${created.toISOString()}\n`
}

const SPECIAL = /[\\\n\r\t]/
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function escaped(text: string): string {
  return SPECIAL.test(text) ? text.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character]!) : text
}

const UPSERT = {
  name: 'bench_upsert',
  text: `INSERT INTO bench_upsert (id, name, email, score, created)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::float8[], $5::timestamptz[])
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, score = excluded.score,
      created = excluded.created`,
}

async function unnestBatch(pool: pg.Pool, batch: readonly Event[]): Promise<void> {
  await pool.query({ ...UPSERT, values: COLUMNS.map((column) => batch.map((row) => row[column])) })
}
