/**
 * What a crash takes along where rows go through a spool: a process that accepts 20,000 rows a second is killed with SIGKILL,
 * another goes on with its file, and what was accepted is compared with what is in the table.
 *
 *     CRASHES=20 npx tsx test/run.ts faults/spool
 *
 * `CRASHES` is how often (2), `SPOOL_FSYNC=0` without syncs.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InlineProgram } from '../support/programs/inline.ts'
import { needed, servers } from '../support/servers/servers.ts'

const test = suite('a process with a spool that is killed')
const { url } = needed(await servers.postgres())
const crashes = Number(process.env['CRASHES'] ?? 2)
const fsync = process.env['SPOOL_FSYNC'] !== '0'
const PER_SECOND = 20_000
/** Rows of the first life begin at 1, of the second at this. */
const LIFE = 10_000_000
/** Keys that are written again and again, a row of theirs for each other row. */
const KEYS = 50

/**
 * Hands over rows at a constant rate, by the clock, from `first` on. In a file, which outlives it, stands up to which one all
 * were accepted. `mode` `drain`: hands over none, and says when nothing is left.
 */
const program = (table: string, folder: string, first: number, mode: 'load' | 'drain') => `
  import { openSync, writeSync } from 'node:fs'
  import Database from 'libsql'
  import pg from 'pg'
  import { defineTable } from './src/contract/table.ts'
  import { postgresExecutor } from './src/drivers/postgres/index.ts'
  import { openSpool } from './src/sources/spool/index.ts'
  const pool = new pg.Pool({ connectionString: ${JSON.stringify(url)} })
  const rows = defineTable('${table}', { columns: ['id', 'at', 'name', 'amount'] })
  const last = defineTable('${table}_last', { columns: ['key', 'id'], onConflict: { action: 'update', keys: ['key'] } })
  const database = new Database(${JSON.stringify(join(folder, 'spool.db'))})
  const flow = await openSpool(database, postgresExecutor(pool), {
    tables: [rows, last], position: 'database', fsync: ${fsync}, onTrouble: ({ kind, error }) => console.log(kind, error?.message),
  })
  const begin = performance.now()
  if ('${mode}' === 'drain') {
    while (flow.stats().spool.messages > 0) await new Promise((resolve) => setTimeout(resolve, 20))
    const { spool, worker } = flow.stats()
    console.log('drained', JSON.stringify({ ms: performance.now() - begin, letters: spool.deadLetters, messages: worker.source.messages }))
    await flow.close()
    await pool.end()
    process.exit(0)
  }
  const seen = new BigInt64Array(1)
  const file = openSync(${JSON.stringify(join(folder, 'seen'))}, 'w')
  const note = (id) => {
    seen[0] = BigInt(id)
    writeSync(file, seen, 0, 8, 0)
  }
  let id = ${first}
  const tick = () => {
    const due = ${first} + Math.floor((performance.now() - begin) * ${PER_SECOND / 2 / 1000})
    while (id < due) {
      id++
      flow.submit(rows, { id, at: new Date(), name: 'row ' + id, amount: id / 7 })
      const accepted = flow.submit(last, { key: id % ${KEYS}, id })
      if (id === due) accepted.then(() => note(due))
    }
    setTimeout(tick, 1)
  }
  tick()
  setTimeout(() => console.log('under way'), 1500)
`

interface Outcome {
  readonly accepted: number
  readonly lost: number
  readonly doubled: number
  readonly stale: number
  readonly replayed: number
}

async function crash(): Promise<Outcome> {
  const table = `spool_${process.pid}_${Date.now()}`
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-spool-'))
  const client = new pg.Client({ connectionString: url, application_name: 'observer' })
  await client.connect()
  try {
    await client.query(`CREATE TABLE ${table} (id int, at timestamptz, name text, amount float8)`)
    await client.query(`CREATE TABLE ${table}_last (key int PRIMARY KEY, id int)`)
    const accepted = [await killed(program(table, folder, 0, 'load'), folder)]
    const before = await count(client, table)
    accepted.push((await killed(program(table, folder, LIFE, 'load'), folder)) - LIFE)
    const drain = new InlineProgram(program(table, folder, 0, 'drain'))
    await drain.says('drained')
    const { code, stdout, stderr } = await drain.ended()
    assert.is(code, 0, stderr)
    assert.match(stdout, '"letters":0')
    const { rows } = await client.query<{ lost: string; doubled: string }>(
      `SELECT (SELECT count(*) FROM (SELECT generate_series(1, $1::int) AS id
                 UNION ALL SELECT generate_series($3::int + 1, $3::int + $2::int)) AS accepted
               WHERE NOT EXISTS (SELECT FROM ${table} AS t WHERE t.id = accepted.id)) AS lost,
              (SELECT count(*) - count(DISTINCT id) FROM ${table}) AS doubled`,
      [...accepted, LIFE],
    )
    const stale = await client.query<{ stale: string }>(
      `SELECT count(*) AS stale FROM (SELECT id % ${KEYS} AS key, max(id) AS id FROM ${table} GROUP BY 1) AS newest
       JOIN ${table}_last AS last USING (key) WHERE last.id < newest.id AND newest.id <= $1`,
      [LIFE + accepted[1]!],
    )
    const total = accepted[0]! + accepted[1]!
    const { lost, doubled } = rows[0]!
    return {
      accepted: 2 * total,
      lost: Number(lost),
      doubled: Number(doubled),
      stale: Number(stale.rows[0]!.stale),
      replayed: Math.max(0, accepted[0]! - before),
    }
  } finally {
    await client.query(`DROP TABLE IF EXISTS ${table}, ${table}_last`)
    const scopes = "DELETE FROM batchflow_positions WHERE scope LIKE '%' || $1 || '%'" // a scope ends with its table
    await client.query(scopes, [table]).catch(() => {})
    await client.end()
    rmSync(folder, { recursive: true })
  }
}

/** @returns up to which row it had accepted all */
async function killed(code: string, folder: string): Promise<number> {
  const victim = new InlineProgram(code)
  await victim.says('under way')
  await sleep(Math.random() * 300)
  victim.child.kill('SIGKILL')
  await victim.ended()
  return Number(readFileSync(join(folder, 'seen')).readBigInt64LE(0))
}

async function count(client: pg.Client, table: string): Promise<number> {
  const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ${table}`)
  return Number(rows[0]!.count)
}

test('what was accepted is in the table, once, and newest last', async () => {
  const outcomes: Outcome[] = []
  for (let i = 0; i < crashes; i += 2) outcomes.push(await crash())
  const sum = (name: keyof Outcome) => outcomes.reduce((total, outcome) => total + outcome[name], 0)
  const kills = 2 * outcomes.length
  console.log(
    `${kills} times kill -9 at ${PER_SECOND} rows/s (fsync ${fsync}): ${sum('accepted')} rows known to be accepted, ${sum('lost')} lost, ` +
      `${sum('doubled')} doubled, ${sum('stale')} keys stale; written by the next process: ${outcomes.map(({ replayed }) => replayed).join(', ')}`,
  )
  assert.ok(sum('accepted') > (kills * PER_SECOND) / 10, `${sum('accepted')} rows were accepted`)
  for (const name of ['lost', 'doubled', 'stale'] as const) assert.is(sum(name), 0, `${sum(name)} ${name}`)
})

test.run()
