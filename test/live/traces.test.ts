import '../support/telemetry/node-sdk.ts'
import type { NodeSDK } from '@opentelemetry/sdk-node'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RowFailedError } from '../../src/contract/errors.ts'
import { defineTable, type OnConflict, type Table } from '../../src/contract/table.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { rejectsWith } from '../support/assertions.ts'
import { type AnyRow, Scene } from '../support/databases/postgres.ts'
import { servers } from '../support/servers/servers.ts'
import { pgInstrumentation, request, startNodeSdk } from '../support/telemetry/node-sdk.ts'
import { OtlpReceiver, type OtlpSpan } from '../support/telemetry/otlp-receiver.ts'

const test = suite('traces over OTLP')

let receiver: OtlpReceiver
let sdk: NodeSDK
let scene: Scene
let database: string

test.before(async () => {
  receiver = await OtlpReceiver.open()
  sdk = startNodeSdk(receiver.url, { attemptSpans: 'internal', testName: 'traces' })
  scene = await Scene.open({ options: '-c lock_timeout=50' })
  database = (await scene.sql('SELECT current_database() AS name'))[0]!['name'] as string
})

test.after(async () => {
  await scene.close()
  await sdk.shutdown()
  await receiver.close()
})

test.before.each(() => {
  receiver.spans.length = 0
})

interface Traced {
  readonly flow: BatchFlow
  readonly table: Table<AnyRow>
}

/** A flow over a table of its own, which the driver knows already, so that only the statement itself is to be seen. */
async function traced(flushSize: number, onConflict?: OnConflict<AnyRow>): Promise<Traced> {
  const name = await scene.table('id int PRIMARY KEY, name text')
  const table = defineTable<AnyRow>(name, { columns: ['id', 'name'], ...(onConflict && { onConflict }) })
  const executor = postgresExecutor(scene.pool).withRetry({ maxAttempts: 50, backoffBase: 20, maxBackoff: 20 })
  const flow = new BatchFlow(executor, { flushSize, flushInterval: 20 })
  await flow.write(table, { id: -1, name: 'first' })
  await received(1, `batchflow.batch ${table.name}`)
  receiver.spans.length = 0
  return { flow, table }
}

async function received(count: number, name: string): Promise<OtlpSpan[]> {
  await receiver.until(() => receiver.named(name).length >= count)
  return receiver.named(name)
}

/** Of spans, links and receipts alike. */
function idsOf({ traceId, spanId }: { traceId?: string; spanId?: string }) {
  return { traceId, spanId }
}

for (const [operation, onConflict] of [
  ['COPY', undefined],
  ['INSERT', { action: 'update', keys: ['id'] }],
] as const) {
  test(`requests ↔ batch → attempt → client span: ${operation}`, async () => {
    const { flow, table } = await traced(2, onConflict)
    const receipts = await Promise.all(
      [1, 2].map((id) => request(`POST /${id}`, () => flow.write(table, { id, name: 'one' }))),
    )
    await flow.close()
    const requests = await received(2, 'POST')
    const [batch] = await received(1, 'batchflow.batch')
    assert.equal(batch!.links.map(idsOf), requests.map(idsOf), 'the batch knows its requests')
    for (const { links } of requests) {
      assert.equal(links.map(idsOf), [idsOf(batch!)], 'a request knows its batch')
      assert.equal(links[0]?.attributes, { 'batchflow.link': 'batch' })
    }
    for (const receipt of receipts) assert.equal(idsOf(receipt), idsOf(batch!), 'so does the receipt')
    const [attempt, ...others] = receiver.childrenOf(batch!)
    assert.equal(others, [])
    assert.is(attempt?.name, `${operation} ${table.name}`)
    assert.is(attempt?.kind, 'INTERNAL')
    const clientSpans = receiver.childrenOf(attempt!)
    assert.equal(clientSpans.map(({ name }) => name).sort(), ['pg-pool.connect', `pg.query:${operation} ${database}`])
    const [query] = clientSpans.filter(({ name }) => name.startsWith('pg.query'))
    assert.is(query?.kind, 'CLIENT')
    assert.is(query?.attributes['db.query.text'], attempt?.attributes['db.query.text'])
  })
}

test('a batch fed by 500 requests links to 128 of them, says so, and all of them link to it', async () => {
  const { flow, table } = await traced(500)
  const write = (id: number) => request('POST /many', () => flow.write(table, { id, name: 'many' }))
  await Promise.all(Array.from({ length: 500 }, (_, id) => write(id)))
  await flow.close()
  const requests = await received(500, 'POST')
  const batch = receiver.only('batchflow.batch')
  assert.is(batch.links.length, 128)
  assert.is(batch.droppedLinks, 0, 'the SDK had none to drop')
  assert.is(batch.attributes['batchflow.links.dropped'], 372)
  const known = new Set(requests.map(({ spanId }) => spanId))
  assert.ok(batch.links.every(({ spanId }) => known.has(spanId)))
  assert.is(new Set(batch.links.map(({ spanId }) => spanId)).size, 128)
  for (const { links } of requests) assert.equal(links.map(idsOf), [idsOf(batch)])
})

test('a batch fed by one request is its child', async () => {
  const { flow, table } = await traced(10)
  await request('POST /alone', () =>
    flow.writeMany(
      table,
      [1, 2, 3].map((id) => ({ id, name: 'alone' })),
    ),
  )
  await flow.close()
  const [alone] = await received(1, 'POST')
  const batch = receiver.only('batchflow.batch')
  assert.is(batch.traceId, alone!.traceId)
  assert.is(batch.parentSpanId, alone!.spanId)
  assert.equal(batch.links, [])
})

test('retries after a lock timeout of the server are siblings, and the batch is none the worse', async () => {
  const { flow, table } = await traced(1)
  const locker = await scene.pool.connect()
  await locker.query(`BEGIN; LOCK TABLE ${table.name} IN EXCLUSIVE MODE`)
  receiver.spans.length = 0
  const written = request('POST /locked', () => flow.write(table, { id: 1, name: 'patient' }))
  await received(2, `COPY ${table.name}`)
  await locker.query('COMMIT')
  locker.release()
  const { attempts } = await written
  await flow.close()
  const [batch] = await received(1, 'batchflow.batch')
  const siblings = receiver.childrenOf(batch!)
  assert.is(siblings.length, attempts)
  assert.is(batch!.attributes['batchflow.batch.attempts'], attempts)
  assert.is(batch!.status.code, 'UNSET')
  for (const failed of siblings.slice(0, -1)) {
    assert.is(failed.status.code, 'ERROR')
    assert.is(failed.attributes['error.type'], 'lock_timeout')
    assert.is(failed.attributes['db.response.status_code'], '55P03')
    const query = receiver.childrenOf(failed).find(({ name }) => name.startsWith('pg.query'))
    assert.is(query?.status.code, 'ERROR')
  }
  assert.is(siblings.at(-1)?.status.code, 'UNSET')
})

test('a failed batch says why', async () => {
  const { flow, table } = await traced(1)
  await rejectsWith(RowFailedError, 'ERR_BATCHFLOW_ROW_FAILED', /duplicate_key/, () =>
    request('POST /twice', () => flow.write(table, { id: -1, name: 'twice' })),
  )
  await flow.close()
  const [batch] = await received(1, 'batchflow.batch')
  assert.equal(batch!.status, { code: 'ERROR', message: '1 row failed: duplicate_key' })
  assert.is(batch!.attributes['batchflow.batch.failed'], 1)
  const [attempt] = receiver.childrenOf(batch!)
  assert.equal(attempt!.status, { code: 'ERROR', message: 'duplicate_key (23505)' })
  assert.equal(attempt!.events, [
    {
      name: 'exception',
      attributes: { 'exception.type': 'duplicate_key', 'exception.message': 'duplicate_key (23505)' },
    },
  ])
})

test('a value that the server quotes in its message is in no span of ours', async () => {
  const table = defineTable<AnyRow>(await scene.table('address inet'), { columns: ['address'] })
  const flow = new BatchFlow(postgresExecutor(scene.pool), { flushSize: 1 })
  const write = () => request('POST /secret', () => flow.write(table, { address: 'a secret' }))
  const { cause } = await rejectsWith(RowFailedError, 'ERR_BATCHFLOW_ROW_FAILED', /invalid_data/, write)
  assert.match(String(cause), /"a secret"/)
  await flow.close()
  await received(1, 'batchflow.batch')
  await received(1, 'POST')
  const quoting = receiver.spans.filter((span) => JSON.stringify(span).includes('a secret'))
  assert.equal(new Set(quoting.map(({ scope }) => scope)), new Set(['@opentelemetry/instrumentation-pg']))
})

test('what the driver asks about a new table is asked within the batch, before any attempt', async () => {
  const table = defineTable<AnyRow>(await scene.table('id int'), { columns: ['id'] })
  const flow = new BatchFlow(postgresExecutor(scene.pool), { flushSize: 1 })
  await flow.write(table, { id: 1 })
  await flow.close()
  const [batch] = await received(1, 'batchflow.batch')
  const names = receiver.childrenOf(batch!).map(({ name }) => name)
  assert.equal(names.sort(), [`COPY ${table.name}`, 'pg-pool.connect', `pg.query:WITH ${database}`])
})

test('what the client instrumentation adds to statements does not touch those of the driver', async () => {
  const before = pgInstrumentation.getConfig()
  pgInstrumentation.setConfig({ ...before, addSqlCommenterCommentToQueries: true, enableTraceContextPropagation: true })
  try {
    for (const onConflict of [undefined, { action: 'update', keys: ['id'] } as const]) {
      const { flow, table } = await traced(1, onConflict)
      await request('POST /commented', () => flow.write(table, { id: 1, name: 'commented' }))
      assert.equal(await flow.close(), { committed: 2, failed: 0, abandoned: 0, abandonedRows: [], undelivered: [] })
    }
  } finally {
    pgInstrumentation.setConfig(before)
  }
})

test('metrics of the same flows arrive beside the traces', async () => {
  const { flow, table } = await traced(1)
  const mine = () =>
    receiver
      .points('batchflow.records')
      .find(({ attributes }) => attributes['table'] === table.name && attributes['status'] === 'success')
  await receiver.until(() => mine()?.value === 1)
  assert.equal(mine()?.attributes, { table: table.name, database: 'postgres', test_name: 'traces', status: 'success' })
  await flow.close()
})

if ((await servers.postgres()) !== undefined) test.run()
