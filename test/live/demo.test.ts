import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { startDemo, summaryOf } from '../support/programs/demo.ts'
import { servers } from '../support/servers/servers.ts'

const demo = suite('demo')

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
    const { code, stdout, stderr } = await startDemo(['--rows', '20000', '--exit', '--json']).ended
    assert.is(code, 0, stderr)
    const { rows, failed, verified, batches, rowsPerSecond, durationSeconds, peakRssMb } = summaryOf(stdout)
    assert.equal({ rows, failed, verified }, { rows: 20_000, failed: 0, verified: true })
    for (const figure of [batches, rowsPerSecond, durationSeconds, peakRssMb]) assert.ok(figure > 0)
    assert.match(stdout, /rehearsed on purpose/)
  })

  demo('serves every series of the contract until it is told to stop', async () => {
    await withSchema(async (url, schema, client) => {
      const running = startDemo(['--rows', '30000', '--to', url, '--schema', schema])
      const [, endpoint] = await running.says(/serving (\S+) and/)
      const page = await (await fetch(endpoint!)).text()
      // There was no outage, rows have no version, and none is deleted.
      const { executorOutages: _, supersededRecords: __, deletedRecords: ___, ...expected } = METRICS
      const absent = Object.values(expected)
        .map(({ name }) => name.replaceAll('.', '_'))
        .filter((name) => name !== 'batchflow_executor_outages') // its first series comes with the first outage
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
      const running = startDemo(['--rows', 'all', '--json', '--to', url, '--schema', schema])
      await running.says(/ [1-9]\d?,\d{3} flights| [1-9]\d\d,\d{3} flights/)
      running.child.kill('SIGINT')
      const { code, stdout, stderr } = await running.ended
      assert.is(code, 130, stderr)
      const { rows, failed, verified, interrupted } = summaryOf(stdout)
      assert.equal({ failed, verified, interrupted }, { failed: 0, verified: true, interrupted: true })
      assert.ok(rows > 0 && rows < 3_000_000, `${rows} rows`)
    })
  })

  demo('a port or a server that is not to be had is named together with its option', async () => {
    const refused = await startDemo(['--to', 'postgres://nobody@127.0.0.1:1/x']).ended
    assert.is(refused.code, 1)
    assert.match(refused.stderr, /error: --to: connect ECONNREFUSED 127\.0\.0\.1:1/)
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const { code, stderr } = await startDemo(['--port', String(port)]).ended
    taken.close()
    assert.is(code, 1)
    assert.match(stderr, new RegExp(`error: --port ${port}: listen EADDRINUSE`))
    const invalid = await startDemo(['--rows', '0']).ended
    assert.is(invalid.code, 2)
  })
}

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
    const { code, stdout, stderr } = await startDemo(['--rows', '5000', '--exit', '--json', '--to', server.url]).ended
    assert.is(code, 1, stderr)
    const { rows, failed, verified, differences } = summaryOf(stdout)
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
