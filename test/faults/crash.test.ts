/**
 * What a crash of the process takes along: a process that writes 20,000 rows a second is killed with SIGKILL, and what it had
 * accepted is compared with what is in the table. `CRASHES` sets how often, for figures.
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

const test = suite('a process that is killed')
const { url } = needed(await servers.postgres())
const crashes = Number(process.env['CRASHES'] ?? 2)
const PER_SECOND = 20_000

/**
 * Hands over rows at a constant rate, by the clock. What it has come to stands in a file, which outlives it: how many rows
 * were accepted, and with `write` how many it knows to be committed.
 */
const program = (table: string, file: string, how: 'submit' | 'write') => `
  import { openSync, writeSync } from 'node:fs'
  import pg from 'pg'
  import { BatchFlow, defineTable } from './src/index.ts'
  import { postgresExecutor } from './src/drivers/postgres/index.ts'
  const pool = new pg.Pool({ connectionString: ${JSON.stringify(url)} })
  const flow = new BatchFlow(postgresExecutor(pool).withConcurrencyLimit(4))
  const rows = defineTable('${table}', { columns: ['id', 'at', 'name', 'amount'] })
  const seen = new BigInt64Array(2)
  const file = openSync(${JSON.stringify(file)}, 'w')
  const note = () => writeSync(file, seen, 0, 16, 0)
  const row = (id) => ({ id, at: new Date(), name: 'row ' + id, amount: id / 7 })
  const begin = performance.now()
  let id = 0
  const known = () => { seen[1]++ }
  const tick = async () => {
    const due = Math.floor((performance.now() - begin) * ${PER_SECOND / 1000})
    while (id < due) {
      id++
      if ('${how}' === 'submit') await flow.submit(rows, row(id))
      else flow.write(rows, row(id)).then(known)
      seen[0] = BigInt(id)
    }
    note()
    setTimeout(tick, 1)
  }
  tick()
  setTimeout(() => console.log('under way'), 1500)
`

/** Kills one process; what it had accepted, what it knew to be committed, what is there. */
async function crash(how: 'submit' | 'write'): Promise<{ accepted: number; known: number; there: number }> {
  const table = `crash_${process.pid}_${Date.now()}`
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-crash-'))
  const file = join(folder, 'seen')
  const client = new pg.Client({ connectionString: url, application_name: 'observer' })
  await client.connect()
  try {
    await client.query(`CREATE TABLE ${table} (id int, at timestamptz, name text, amount float8)`)
    const victim = new InlineProgram(program(table, file, how))
    await victim.says('under way')
    await sleep(Math.random() * 300)
    victim.child.kill('SIGKILL')
    await victim.ended()
    await gone(client, table)
    const seen = readFileSync(file)
    const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ${table}`)
    const [accepted, known] = [0, 8].map((at) => Number(seen.readBigInt64LE(at)))
    return { accepted: accepted!, known: known!, there: Number(rows[0]!.count) }
  } finally {
    await client.query(`DROP TABLE IF EXISTS ${table}`)
    await client.end()
    rmSync(folder, { recursive: true })
  }
}

/** No session works on the table any more. */
async function gone(client: pg.Client, table: string): Promise<void> {
  const busy = `SELECT FROM pg_stat_activity WHERE query LIKE '%${table}%' AND state <> 'idle' AND pid <> pg_backend_pid()`
  while ((await client.query(busy)).rowCount !== 0) await sleep(20)
}

test('loses at most what was accepted and not settled', async () => {
  const lost: number[] = []
  for (let i = 0; i < crashes; i++) {
    const { accepted, there } = await crash('submit')
    lost.push(accepted - there)
    assert.ok(accepted > PER_SECOND / 2, `${accepted} rows were accepted`)
    assert.ok(accepted - there <= 10_000, `${accepted - there} rows of ${accepted} are lost`)
  }
  lost.sort((a, b) => a - b)
  const milliseconds = (rows: number) => Math.round((rows / PER_SECOND) * 1000)
  const shown = lost.map((rows) => `${rows} (${milliseconds(rows)} ms)`).join(', ')
  console.log(`rows lost per crash at ${PER_SECOND} rows/s: ${shown}`)
})

test('loses none of the rows whose receipt it had', async () => {
  for (let i = 0; i < crashes; i++) {
    const { known, there } = await crash('write')
    assert.ok(known > 1000, `${known} rows were known to be committed`)
    assert.ok(there >= known, `${known} rows were known to be committed, ${there} are there`)
  }
})

test.run()
