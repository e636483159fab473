import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openDatabase, verify } from '../../examples/demo/database.ts'
import type { Flight } from '../../examples/demo/flights.ts'
import { Model } from '../../examples/demo/model.ts'
import type { Summary } from '../../examples/demo/summary.ts'
import { METRICS } from '../../src/telemetry/catalogue.ts'
import { servers } from '../support/servers.ts'

const repository = join(import.meta.dirname, '../..')
const demo = suite('demo')

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves with the match as soon as stderr shows it. */
  says(pattern: RegExp): Promise<RegExpExecArray>
}

function start(...args: string[]): Running {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/demo/main.ts', '--port', '0', ...args], {
    cwd: repository,
    env: { ...process.env, DATABASE_URL: undefined },
  })
  let [stdout, stderr, over] = ['', '', false]
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => {
      over = true
      resolve({ code, stdout, stderr })
    })
  })
  const says = async (pattern: RegExp) => {
    for (;;) {
      const match = pattern.exec(stderr)
      if (match !== null) return match
      if (over) throw new Error(`the demo ended without saying ${pattern}:\n${stderr}`)
      await sleep(20)
    }
  }
  return { child, ended, says }
}

function lastLine(stdout: string): Summary {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Summary
}

/** Runs `work` with a schema name of its own on the server that is there, and drops the schema. */
async function withSchema(work: (url: string, schema: string, client: pg.Client) => Promise<void>): Promise<void> {
  const server = await servers.postgres()
  if (server === undefined) throw new Error('the suite is only registered where there is a server')
  const schema = `demo_${process.pid}_${Date.now()}`
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  try {
    await work(server.url, schema, client)
  } finally {
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    await client.end()
  }
}

if ((await servers.postgres()) !== undefined) {
  demo('boots its own server, loads, rehearses and verifies', async () => {
    const { code, stdout, stderr } = await start('--rows', '20000', '--exit', '--json').ended
    assert.is(code, 0, stderr)
    const { rows, failed, verified, batches, rowsPerSecond, durationSeconds, peakRssMb } = lastLine(stdout)
    assert.equal({ rows, failed, verified }, { rows: 20_000, failed: 0, verified: true })
    for (const figure of [batches, rowsPerSecond, durationSeconds, peakRssMb]) assert.ok(figure > 0)
    assert.match(stdout, /rehearsed on purpose/)
  })

  demo('serves every series of the contract until it is told to stop', async () => {
    await withSchema(async (url, schema, client) => {
      const running = start('--rows', '30000', '--to', url, '--schema', schema)
      const [, endpoint] = await running.says(/serving (\S+) until Ctrl-C/)
      const page = await (await fetch(endpoint!)).text()
      const absent = Object.values(METRICS)
        .map(({ name }) => name.replaceAll('.', '_'))
        .filter((name) => !new RegExp(`^${name}(_total|_count)?\\{`, 'm').test(page))
      assert.equal(absent, [])
      assert.equal(await flightsAndRecords(client, schema, page), [30_000, 30_000])
      for (const label of LABELS) assert.match(page, label)
      running.child.kill('SIGINT')
      const { code, stderr } = await running.ended
      assert.is(code, 0, stderr)
    })
  })

  demo('an interrupted load is written out, verified, and ends with status 130', async () => {
    await withSchema(async (url, schema) => {
      const running = start('--rows', 'all', '--json', '--to', url, '--schema', schema)
      await running.says(/ [1-9]\d?,\d{3} flights| [1-9]\d\d,\d{3} flights/)
      running.child.kill('SIGINT')
      const { code, stdout, stderr } = await running.ended
      assert.is(code, 130, stderr)
      const { rows, failed, verified, interrupted } = lastLine(stdout)
      assert.equal({ failed, verified, interrupted }, { failed: 0, verified: true, interrupted: true })
      assert.ok(rows > 0 && rows < 3_000_000, `${rows} rows`)
    })
  })

  demo('the verdict sees a missing, a doubled and a changed row in either table', async () => {
    await withSchema(async (url, schema) => {
      const { pool, close } = await openDatabase({ url, schema, connections: 2 })
      const model = new Model()
      for (const flight of THREE_FLIGHTS) {
        const { date, delay, distance, origin, destination } = flight
        await pool.query('INSERT INTO flights VALUES ($1, $2, $3, $4, $5)', [
          date,
          delay,
          distance,
          origin,
          destination,
        ])
        const totals = Object.values(model.add(flight))
        await pool.query('INSERT INTO daily_delays VALUES ($1, $2, $3, $4, $5)', totals)
      }
      const told = async (damage: string) => {
        await pool.query(damage)
        return (await verify(pool, model)).map((difference) => difference.replace(/ should.*/, ''))
      }
      assert.equal(await told('SELECT'), [])
      const swap = (table: string) => `UPDATE ${table} SET delay = 13 - delay WHERE delay IN (6, 7)`
      assert.equal(await told(swap('flights')), ['flights: hash'])
      assert.equal(await told(swap('flights')), [])
      assert.equal(await told(swap('daily_delays')), ['daily_delays: hash'])
      assert.equal(await told(swap('daily_delays')), [])
      const doubled = ['flights: rows', 'flights: flights', 'flights: delay', 'flights: distance', 'flights: hash']
      assert.equal(await told('INSERT INTO flights SELECT * FROM flights WHERE delay = 6'), doubled)
      const missing = ['daily_delays: rows', 'daily_delays: flights', 'daily_delays: delay', 'daily_delays: distance']
      assert.equal(await told('DELETE FROM daily_delays WHERE delay = 7'), [
        ...doubled,
        ...missing,
        'daily_delays: hash',
      ])
      await close()
    })
  })

  demo('a port or a server that is not to be had is named together with its option', async () => {
    const refused = await start('--to', 'postgres://nobody@127.0.0.1:1/x').ended
    assert.is(refused.code, 1)
    assert.match(refused.stderr, /error: --to: connect ECONNREFUSED 127\.0\.0\.1:1/)
    const invalid = await start('--rows', '0').ended
    assert.is(invalid.code, 2)
  })
}

const THREE_FLIGHTS: readonly Flight[] = [
  { date: new Date('2001-02-03T00:00:00Z'), delay: 6, distance: 100, origin: 'ATL', destination: 'LAS' },
  { date: new Date('2001-02-03T23:59:00Z'), delay: 7, distance: 200, origin: 'LAS', destination: 'ATL' },
  { date: new Date('2001-02-04T12:30:00Z'), delay: -8, distance: 300, origin: 'LAX', destination: 'ANC' },
]

const LABELS = [
  /^batchflow_records_total\{table="flights",database="postgres",test_name="flights_demo",status="success"/m,
  /^batchflow_errors_total\{table="rehearsal",.*type="final:constraint"/m,
  /^batchflow_errors_total\{table="rehearsal",.*type="retry:processor_timeout"/m,
  /^batchflow_submit_rejected_total\{table="rehearsal",.*reason="full"/m,
  /^batchflow_submit_rejected_total\{table="rehearsal",.*reason="context"/m,
  /^batchflow_dead_letters_total\{table="rehearsal",.*reason="constraint"/m,
  /^batchflow_coalesced_records_total\{table="daily_delays",.*strategy="update"/m,
]

async function flightsAndRecords(client: pg.Client, schema: string, page: string): Promise<number[]> {
  const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ${schema}.flights`)
  const records = /^batchflow_records_total\{table="flights",.*status="success".*\} (\d+)$/m.exec(page)
  return [Number(rows[0]?.count), Number(records?.[1])]
}

/** From now on, the first row that enters any table called `flights` is a minute later than it should be. */
const CORRUPTION = `
  CREATE SEQUENCE public.entered;
  CREATE FUNCTION public.corrupt() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF nextval('public.entered') = 1 THEN NEW.delay := NEW.delay + 1; END IF;
      RETURN NEW;
    END $$;
  CREATE FUNCTION public.ambush() RETURNS event_trigger LANGUAGE plpgsql AS $$
    DECLARE made record;
    BEGIN
      FOR made IN SELECT object_identity FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE '%.flights' LOOP
        EXECUTE format('CREATE TRIGGER corrupt BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION public.corrupt()',
          made.object_identity);
      END LOOP;
    END $$;
  CREATE EVENT TRIGGER ambush ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.ambush();`

const server = await servers.embeddedPostgres()
if (server !== undefined) {
  demo('a table that does not hold what it must ends the demo with status 1 and is named', async () => {
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    await client.query(CORRUPTION)
    await client.end()
    const { code, stdout, stderr } = await start('--rows', '5000', '--exit', '--json', '--to', server.url).ended
    assert.is(code, 1, stderr)
    const { rows, failed, verified, differences } = lastLine(stdout)
    assert.equal({ rows, failed, verified }, { rows: 5_000, failed: 0, verified: false })
    assert.is(differences.length, 2, differences.join('\n'))
    assert.match(differences[0] ?? '', /^flights: delay should be (-?\d+), is -?\d+$/)
    assert.match(differences[1] ?? '', /^flights: hash should be \d+, is \d+$/)
    assert.match(stdout, /verified {6}NO/)
  })
}

demo.after(async () => {
  await server?.remove()
})

demo.run()
