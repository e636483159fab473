/** Rows written to PostgreSQL while the metrics page is fetched over and over: the books close on every page, and with SQL. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable, type Table } from '../../src/contract/table.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { startPrometheus } from '../../src/prometheus/index.ts'
import { METRICS, OtelMetricsReporter, prometheusName } from '../../src/telemetry/index.ts'
import { Scene } from '../support/databases/postgres.ts'
import { samplesOf } from '../support/prometheus/exposition.ts'

interface Item {
  id: number
  value: string
}

const ROWS = 20_000
const scene = await Scene.open()
const endpoint = await startPrometheus({ port: 0, setGlobal: false })

const test = suite('the books of a real load')
test.after(async () => {
  await endpoint.stop()
  await scene.close()
})

/** Sums by table of one metric on a page, as far as its labels are as said. */
function byTable(page: string, name: string, label = ''): Map<string, number> {
  const sums = new Map<string, number>()
  for (const sample of samplesOf(page)) {
    if (sample.name !== name || !sample.labels.join().includes(label)) continue
    const table = /table="(\w+)"/.exec(sample.labels.join())?.[1] ?? ''
    sums.set(table, (sums.get(table) ?? 0) + Number(sample.value))
  }
  return sums
}

const accepted = (page: string) => byTable(page, prometheusName(METRICS.acceptedRecords))
const settled = (page: string) => byTable(page, prometheusName(METRICS.records))
const unsettled = (page: string) => byTable(page, prometheusName(METRICS.unsettledRecords))

async function definitions(): Promise<Table<Item>[]> {
  const columns = ['id', 'value'] as const
  const plain = await scene.table('id integer, value text')
  const strict = await scene.table('id integer PRIMARY KEY, value text')
  const keyed = await scene.table('id integer PRIMARY KEY, value text')
  return [
    defineTable<Item>(plain, { columns }),
    defineTable<Item>(strict, { columns }),
    defineTable<Item>(keyed, { columns, onConflict: { action: 'update', keys: ['id'] } }),
  ]
}

test('on every page rows accepted are rows settled and unsettled, and in the end what the database has', async () => {
  const tables = await definitions()
  const reporter = new OtelMetricsReporter({ meterProvider: endpoint.meterProvider })
  const executor = postgresExecutor(scene.pool).withConcurrencyLimit(3).withMetricsReporter(reporter)
  const flow = new BatchFlow(executor, { flushSize: 100, bufferSize: 3000, deadLetter: () => {} })
  let done = false
  let busy = 0
  const watch = async () => {
    while (!done) {
      const page = await (await fetch(endpoint.url)).text()
      const [all, rest, ended] = [accepted(page), unsettled(page), settled(page)]
      for (const [table, rows] of all) assert.is(rows, (ended.get(table) ?? 0) + (rest.get(table) ?? 0), table)
      if ([...rest.values()].some((rows) => rows > 0)) busy++
    }
  }
  const watching = watch()
  const submit = async (table: Table<Item>, idOf: (i: number) => number) => {
    for (let i = 0; i < ROWS; i++) await flow.submit(table, { id: idOf(i), value: `${i}` })
  }
  const [plain, strict, keyed] = tables as [Table<Item>, Table<Item>, Table<Item>]
  await Promise.all([
    submit(plain, (i) => i),
    submit(strict, (i) => (i % 500 === 499 ? i - 1 : i)),
    submit(keyed, (i) => i % 700),
  ])
  await flow.close()
  done = true
  await watching
  const page = await (await fetch(endpoint.url)).text()
  const committed = byTable(page, prometheusName(METRICS.records), 'status="success"')
  const inTable = async ({ name }: Table) => Number((await scene.sql(`SELECT count(*) FROM ${name}`))[0]!['count'])
  assert.equal([...accepted(page).values()], [ROWS, ROWS, ROWS])
  assert.equal([...unsettled(page).values()], [0, 0, 0])
  assert.equal([committed.get(plain.name), committed.get(keyed.name)], [ROWS, ROWS])
  assert.equal(await Promise.all(tables.map(inTable)), [ROWS, committed.get(strict.name), 700])
  assert.is(committed.get(strict.name), ROWS - ROWS / 500)
  assert.ok(busy >= 3, `${busy} pages while rows were unsettled`)
})

test.run()
