import '../support/telemetry/node-sdk.ts'
import { randomBytes } from 'node:crypto'
import type { NodeSDK } from '@opentelemetry/sdk-node'
import { createPool } from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable, type Table } from '../../src/contract/table.ts'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import { redisExecutor } from '../../src/drivers/redis/index.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { type AnyRow, RedisScene } from '../support/databases/redis.ts'
import { servers } from '../support/servers/servers.ts'
import { mysqlInstrumentation, request, startNodeSdk } from '../support/telemetry/node-sdk.ts'
import { OtlpReceiver } from '../support/telemetry/otlp-receiver.ts'

const test = suite('spans of clients')

let receiver: OtlpReceiver
let sdk: NodeSDK

test.before(async () => {
  receiver = await OtlpReceiver.open()
  sdk = startNodeSdk(receiver.url, { attemptSpans: 'internal' })
})

test.after(async () => {
  await sdk.shutdown()
  await receiver.close()
})

test.before.each(() => {
  receiver.spans.length = 0
})

/** Writes two rows in one batch, whose spans are then there. */
async function writeTwo(executor: Executor, table: Table<AnyRow>): Promise<void> {
  const flow = new BatchFlow(executor, { flushSize: 2 })
  const rows = [1, 2].map((id) => ({ id, name: 'a secret' }))
  await request('POST', () => flow.writeMany(table, rows))
  assert.is((await flow.close()).committed, 2)
  await receiver.until(() => receiver.named('POST').length > 0)
}

if ((await servers.redis()) !== undefined) {
  test('of ioredis nest in the attempt, one for each command and thus for each row, without its values', async () => {
    const scene = await RedisScene.open()
    const onConflict = { action: 'replace', keys: ['id'] } as const
    const table = defineTable<AnyRow>(scene.name(), { columns: ['id', 'name'], onConflict })
    await writeTwo(redisExecutor(scene.client), table)
    await scene.close()
    const batch = receiver.only('batchflow.batch')
    const [attempt, ...others] = receiver.childrenOf(batch)
    assert.equal(others, [])
    assert.ok(attempt?.name.startsWith('PIPELINE'), attempt?.name)
    const spans = receiver.childrenOf(attempt!)
    const names = ['multi', 'del', 'hset', 'exec']
    assert.equal(
      spans.map(({ name }) => name),
      ['CLIENT', 'INFO', ...names, ...names], // the first two once per connection, to know whose session it is
    )
    for (const { scope, kind } of spans)
      assert.equal([scope, kind], ['@opentelemetry/instrumentation-ioredis', 'CLIENT'])
    assert.not.match(JSON.stringify(receiver.spans), 'a secret')
  })
}

const mysql = await servers.mysql()
if (mysql !== undefined) {
  test('of mysql2 nest in the attempt', async () => {
    const name = `spans_${randomBytes(6).toString('hex')}`
    const pool = createPool({ uri: mysql.url })
    await pool.query(`CREATE TABLE ${name} (id int PRIMARY KEY, name text)`)
    const table = defineTable<AnyRow>(name, { columns: ['id', 'name'] })
    mysqlInstrumentation.setConfig({ addSqlCommenterCommentToQueries: true })
    await writeTwo(mysqlExecutor(pool), table)
    await pool.query(`DROP TABLE ${name}`)
    await pool.end()
    const batch = receiver.only('batchflow.batch')
    const attempts = receiver.childrenOf(batch).filter(({ scope }) => scope === 'batchflow-otel')
    assert.equal(
      attempts.map((attempt) => attempt.name),
      [`INSERT ${name}`],
    )
    const [statement, ...others] = receiver.childrenOf(attempts[0]!)
    assert.equal(others, [])
    assert.equal([statement?.name, statement?.kind], ['INSERT', 'CLIENT'])
    assert.not.match(JSON.stringify(receiver.spans), 'a secret')
  })
}

test.run()
