import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BatchFlow } from 'batchflow-otel'
import { Redis } from 'ioredis'
import Database from 'libsql'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Flight } from '../../examples/demo/flights.ts'
import { type DailyDelays, Model } from '../../examples/demo/model.ts'
import { openStore } from '../../examples/demo/stores/open.ts'
import type { Store } from '../../examples/demo/stores/store.ts'
import { dailyDelays, flights } from '../../examples/demo/tables.ts'
import { verify } from '../../examples/demo/verify.ts'
import { startDemo, summaryOf, THREE_FLIGHTS } from '../support/programs/demo.ts'
import { type DemoBackend, demoBackends, demoSchema } from '../support/programs/demo-backends.ts'

const demo = suite('demo backends')
const { backends, remove } = await demoBackends()
demo.after(remove)

const EMPTY = { rows: 0, flights: 0, delay: 0, distance: 0, hash: 0 }

/** Runs `work` with a name for the tables, and removes them. */
async function cleared(backend: DemoBackend, work: (schema: string) => Promise<void>): Promise<void> {
  const schema = demoSchema()
  try {
    await work(schema)
  } finally {
    await backend.clear(schema)
  }
}

interface Written {
  readonly flights: readonly Flight[]
  readonly daily: readonly DailyDelays[]
}

async function write({ executor }: Store, rows: Written): Promise<void> {
  const flow = new BatchFlow(executor)
  await flow.submitMany(flights, rows.flights)
  await flow.submitMany(dailyDelays, rows.daily)
  const { failed, abandoned } = await flow.close()
  assert.equal([failed, abandoned], [0, 0])
}

const model = new Model()
const right: Written = { flights: THREE_FLIGHTS, daily: THREE_FLIGHTS.map((flight) => model.add(flight)) }

/** The first two rows with each other's delay: no sum of a column tells. */
function swapped<R extends { readonly delay: number }>([a, b, ...rest]: readonly R[]): R[] {
  return [{ ...a!, delay: b!.delay }, { ...b!, delay: a!.delay }, ...rest]
}

const all = (table: string) => ['rows', 'flights', 'delay', 'distance', 'hash'].map((name) => `${table}: ${name}`)

const WRONG: readonly [what: string, written: Written, differences: readonly string[]][] = [
  ['nothing', right, []],
  ['a flight that is there twice', { ...right, flights: [...right.flights, right.flights[0]!] }, all('flights')],
  ['a flight that is missing', { ...right, flights: right.flights.slice(1) }, all('flights')],
  ['two flights that swapped a value', { ...right, flights: swapped(right.flights) }, ['flights: hash']],
  ['a key that is missing', { ...right, daily: right.daily.slice(1) }, all('daily_delays')],
  ['two keys that swapped a value', { ...right, daily: swapped(right.daily) }, ['daily_delays: hash']],
]

for (const backend of backends) {
  const { url, database, label, retries } = backend
  const name = url.startsWith('sqlite:/') ? 'sqlite file' : url === 'sqlite::memory:' ? 'sqlite memory' : database

  demo(`${name}: loads and verifies, and ends by itself`, async () => {
    await cleared(backend, async (schema) => {
      const args = ['--rows', '20000', '--exit', '--json', '--to', url, '--schema', schema]
      const { code, stdout, stderr } = await startDemo(args).ended
      assert.is(code, 0, stderr)
      const { rows, failed, verified, batches } = summaryOf(stdout)
      assert.equal({ rows, failed, verified }, { rows: 20_000, failed: 0, verified: true })
      assert.ok(batches > 0)
      assert.match(/^ {2}database +(.+)$/m.exec(stdout)?.[1] ?? '', label)
      assert.match(stdout, /rehearsed on purpose/)
    })
  })

  demo(`${name}: the metrics say which database it is, and what was rehearsed`, async () => {
    await cleared(backend, async (schema) => {
      const running = startDemo(['--rows', '3000', '--to', url, '--schema', schema])
      const [, page] = await running.says(/serving (\S+metrics) /)
      const metrics = await (await fetch(page!)).text()
      running.child.kill('SIGTERM')
      assert.is((await running.ended).code, 0)
      const labels = `database="${database}",test_name="flights_demo"`
      assert.match(
        metrics,
        new RegExp(`^batchflow_records_total{table="flights",${labels},status="success".*} 3000$`, 'm'),
      )
      const errors = new Set(
        Array.from(metrics.matchAll(/^batchflow_errors_total\{.*?type="(.*?)"/gm), ([, type]) => type),
      )
      const expected = ['final:constraint', ...(retries === '' ? [] : [`retry:${retries}`])]
      assert.equal([...errors].sort(), expected)
    })
  })

  demo(`${name}: the verdict sees a missing, a doubled and a changed row in either table`, async () => {
    await cleared(backend, async (schema) => {
      for (const [what, written, differences] of WRONG) {
        const store = await openStore({ url, schema, connections: 4 })
        try {
          await write(store, written)
          const told = (await verify(store, model)).map((difference) => difference.replace(/ should.*/, ''))
          assert.equal(told, differences, what)
        } finally {
          await store.close()
        }
      }
    })
  })

  demo(`${name}: the tables are made anew`, async () => {
    await cleared(backend, async (schema) => {
      const before = await openStore({ url, schema, connections: 4 })
      await write(before, right)
      await before.close()
      const store = await openStore({ url, schema, connections: 4 })
      assert.equal(await store.contents(), { flights: EMPTY, daily: EMPTY })
      await store.close()
    })
  })
}

demo('a SQLite file that somebody else has made is left alone', async () => {
  const file = join(tmpdir(), `${demoSchema()}.db`)
  const theirs = new Database(file)
  theirs.exec('CREATE TABLE flights (mine text)')
  const ended = await startDemo(['--exit', '--to', `sqlite:${file}`]).ended
  assert.is(ended.code, 1)
  assert.match(
    ended.stderr,
    `error: --to: ${file} holds tables that are not the demo's; name a file that does not exist`,
  )
  assert.equal(theirs.prepare('SELECT * FROM flights').all(), [])
  theirs.close()
  rmSync(file)
})

const redis = backends.find(({ database }) => database === 'redis')
if (redis !== undefined) {
  demo('a Redis key of somebody else is left alone', async () => {
    await cleared(redis, async (schema) => {
      const client = new Redis(redis.url)
      await client.mset(`${schema}_2:flights`, 'theirs', `${schema}:stale`, 'ours')
      const store = await openStore({ url: redis.url, schema, connections: 4 })
      await store.close()
      assert.equal(await client.mget(`${schema}_2:flights`, `${schema}:stale`), ['theirs', null])
      await client.unlink(`${schema}_2:flights`)
      await client.quit()
    })
  })
}

demo('a server that is not to be had is named together with its option', async () => {
  for (const scheme of ['mysql', 'redis']) {
    const { code, stderr } = await startDemo(['--to', `${scheme}://somebody@127.0.0.1:1`]).ended
    assert.is(code, 1)
    assert.match(stderr, /error: --to: connect ECONNREFUSED 127\.0\.0\.1:1\n$/)
  }
})

demo.run()
