import { Readable } from 'node:stream'
import { BatchFlow, defineTable } from 'batchflow-otel'
import { mysqlExecutor } from 'batchflow-otel/mysql'
import { createPool, type Pool } from 'mysql2/promise'
import { servers } from '../../test/support/servers/servers.ts'
import { type Bench, bothWays } from '../support/case.ts'
import { COLUMNS, type Event, events } from '../support/events.ts'
import { flowContender, oneByOne } from '../support/flow-contender.ts'
import { BATCH_SIZES, CONNECTIONS, inBatches } from '../support/postgres.ts'

const TABLE = 'bench_events'
/** What half of the rows are before each turn of upserts. */
const HALF = 'bench_half'

type Action = 'append' | 'upsert'
type Write = (batch: readonly Event[]) => Promise<unknown>

/**
 * Rows into MySQL or MariaDB, against a prepared INSERT of many rows, and one whose text mysql2 makes; `LOAD DATA LOCAL` for
 * information.
 */
export default async (bench: Bench) => {
  const server = await servers.mysql()
  if (server === undefined) throw new Error('needs MySQL or MariaDB: set MYSQL_URL or MYSQL_SERVER')
  const pool = createPool({ uri: server.url, connectionLimit: CONNECTIONS, timezone: 'Z' })
  try {
    bench.say(server.version)
    await pool.query('SET GLOBAL local_infile = ON')
    const rows = events(bench.settings.rows / 2)
    for (const size of BATCH_SIZES) {
      for (const action of ['append', 'upsert'] as const) await measure(bench, pool, { action, rows, size })
    }
  } finally {
    await pool.query(`DROP TABLE IF EXISTS ${TABLE}, ${HALF}`)
    await pool.end()
    await server.stop()
  }
}

async function measure(
  bench: Bench,
  pool: Pool,
  { action, rows, size }: { action: Action; rows: readonly Event[]; size: number },
): Promise<void> {
  await createTable(pool, TABLE, action)
  const turn = { rows: rows.length, before: await filling(pool, action, rows, size) }
  const table = defineTable<Event>(TABLE, {
    columns: COLUMNS,
    ...(action === 'upsert' && { onConflict: { action: 'update', keys: ['id'] } }),
  })
  const flow = new BatchFlow(mysqlExecutor(pool).withConcurrencyLimit(CONNECTIONS), { flushSize: size })
  const byHand = (write: Write) => () => inBatches(rows, size, write)
  const name = `mysql ${action} ${size}`
  await bench.compare(
    name,
    [
      flowContender({ name: 'flow', ...turn }, flow, () => oneByOne(flow, table, rows)),
      { name: 'LOAD DATA LOCAL', ...turn, run: byHand(loading(pool, action)) },
      { name: 'execute loop', ...turn, run: byHand(executing(pool, TABLE, action)) },
      { name: 'mysql2 bulk', ...turn, run: byHand(bulk(pool, action)) },
    ],
    [
      ...bothWays({ name, target: '≥ 1', of: ['flow', 'execute loop'] }),
      { name: `${name} / mysql2 bulk`, target: '≥ 1', of: ['flow', 'mysql2 bulk'] },
    ],
  )
}

async function createTable(pool: Pool, name: string, action: Action): Promise<void> {
  const key = action === 'upsert' ? 'PRIMARY KEY' : ''
  const columns = `id bigint ${key}, name varchar(100), email varchar(100), score double, created datetime(3)`
  await pool.query(`DROP TABLE IF EXISTS ${name}`)
  await pool.query(`CREATE TABLE ${name} (${columns})`)
}

/** Makes the table what it is to be before a turn: empty, or for upserts with every other row in it. */
async function filling(
  pool: Pool,
  action: Action,
  rows: readonly Event[],
  size: number,
): Promise<() => Promise<unknown>> {
  if (action === 'append') return () => pool.query(`TRUNCATE ${TABLE}`)
  await createTable(pool, HALF, action)
  const half = rows.filter(({ id }) => id % 2 === 0).map((row) => ({ ...row, name: 'as it was' }))
  await inBatches(half, size, executing(pool, HALF, 'append'))
  return async () => {
    await pool.query(`TRUNCATE ${TABLE}`)
    await pool.query(`INSERT INTO ${TABLE} SELECT * FROM ${HALF}`)
  }
}

/** Sends one INSERT for all rows of a batch, which `mysql2` prepares once per connection and number of rows. */
function executing(pool: Pool, table: string, action: Action): Write {
  const texts = new Map<number, string>()
  const textFor = (rows: number) => insertOf(table, action, '(?, ?, ?, ?, ?), '.repeat(rows).slice(0, -2))
  return (batch) => {
    const text = texts.get(batch.length) ?? textFor(batch.length)
    texts.set(batch.length, text)
    const values: (string | number | Date)[] = []
    for (const row of batch) values.push(row.id, row.name, row.email, row.score, row.created)
    return pool.execute(text, values)
  }
}

/** All rows are one parameter, which `mysql2` writes into the text: no more packets than one. */
function bulk(pool: Pool, action: Action): Write {
  const text = insertOf(TABLE, action, '?')
  return (batch) =>
    pool.query(text, [batch.map(({ id, name, email, score, created }) => [id, name, email, score, created])])
}

function insertOf(table: string, action: Action, values: string): string {
  const set = COLUMNS.slice(1).map((column) => `${column} = VALUES(${column})`)
  const onDuplicate = action === 'upsert' ? ` ON DUPLICATE KEY UPDATE ${set.join(', ')}` : ''
  return `INSERT INTO ${table} (${COLUMNS.join(', ')}) VALUES ${values}${onDuplicate}`
}

function loading(pool: Pool, action: Action): Write {
  const duplicates = action === 'upsert' ? 'REPLACE' : ''
  const sql = `LOAD DATA LOCAL INFILE 'batch' ${duplicates} INTO TABLE ${TABLE} CHARACTER SET utf8mb4 (${COLUMNS.join(', ')})`
  return (batch) => {
    const file = Buffer.from(batch.map(line).join(''))
    return pool.query({ sql, infileStreamFactory: () => Readable.from([file]) })
  }
}

function line({ id, name, email, score, created }: Event): string {
  const date = created.toISOString().replace('T', ' ').slice(0, -1)
  return `${id}\t${escaped(name)}\t${escaped(email)}\t${score}\t${date}\n`
}

const SPECIAL = /[\\\n\t]/

function escaped(text: string): string {
  return SPECIAL.test(text) ? text.replace(/[\\\n\t]/g, (character) => `\\${character}`) : text
}
