import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis-5'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Table } from '../../src/contract/table.ts'
import { redisExecutor } from '../../src/drivers/redis/index.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { type AnyRow, driverOf, RedisScene, refusals, verdictOn, write } from '../support/databases/redis.ts'

const test = suite('redis: transactions of the application on the same client')
const scene = await RedisScene.open()
test.after(() => scene.close())

type Client = Redis | Redis5

const majors: Record<string, () => Client> = { 5: () => new Redis5(scene.url), 6: () => new Redis(scene.url) }
const columns = ['id', 'name']

/** Rows that take a MULTI of their own: a field that becomes NULL, and a hash written anew. */
const actions = {
  update: { row: { id: 1, name: null }, stored: { id: '1', kept: 'yes' } },
  replace: { row: { id: 1, name: 'new' }, stored: { id: '1', name: 'new' } },
} as const

async function oldRow(table: Table): Promise<void> {
  await scene.client.hset(`${table.name}:1`, { id: 1, name: 'old', kept: 'yes' })
}

/** Answers and commands still belong together. */
async function inStep(client: Client): Promise<void> {
  const words = Array.from({ length: 20 }, () => randomBytes(4).toString('hex'))
  assert.equal(await Promise.all(words.map((word) => client.echo(word))), words)
}

/** The application watches a key, and somebody else changes it. */
async function watchInVain(client: Client): Promise<void> {
  const key = scene.name()
  await client.watch(key)
  await scene.client.set(key, 'changed')
}

for (const [version, connect] of Object.entries(majors)) {
  async function withClient(work: (client: Client) => Promise<void>): Promise<void> {
    const client = connect()
    try {
      await work(client)
    } finally {
      client.disconnect()
    }
  }

  for (const action of ['update', 'replace'] as const) {
    const { row, stored } = actions[action]

    test(`ioredis ${version}: an EXEC answered nil is no commit (${action})`, () =>
      withClient(async (client) => {
        const table = scene.table(columns, { action, keys: ['id'] })
        await oldRow(table)
        await watchInVain(client)
        const driver = driverOf(client)
        const failures = await write(driver, table, [row])
        assert.equal(
          [...failures]
            .map(({ error }) => verdictOn(driver, error))
            .map(({ reason, ambiguous }) => [reason, ambiguous]),
          [['deadlock', false]],
        )
        assert.is(await scene.client.hget(`${table.name}:1`, 'name'), 'old')
        await inStep(client)
      }))

    test(`ioredis ${version}: through a flow the row is tried again, and committed once (${action})`, () =>
      withClient(async (client) => {
        const table = scene.table(columns, { action, keys: ['id'] })
        await oldRow(table)
        await watchInVain(client)
        const reasons: string[] = []
        const executor = redisExecutor(client)
          .withErrorClassifier((error) => void reasons.push((error as Error).name))
          .withRetry({ maxAttempts: 5, backoffBase: 1 })
        const flow = new BatchFlow(executor, { flushSize: 1 })
        await flow.write(table, row as never)
        const { committed, failed } = await flow.close()
        assert.equal([committed, failed, reasons], [1, 0, ['WatchedKeyError']])
        assert.equal(await scene.client.hgetall(`${table.name}:1`), stored)
        await inStep(client)
      }))
  }

  test(`ioredis ${version}: what counts is counted once though EXEC was answered nil first`, () =>
    withClient(async (client) => {
      const table = scene.table(['id'])
      const pair = ({ id }: { id: number }) =>
        [
          ['INCR', `${table.name}:n`],
          ['RPUSH', `${table.name}:list`, id],
        ] as const
      const executor = redisExecutor(client, { commands: pair }).withRetry({ maxAttempts: 5, backoffBase: 1 })
      const flow = new BatchFlow(executor, { flushSize: 10 })
      await watchInVain(client)
      await flow.writeMany(table, Array.from({ length: 10 }, (_, id) => ({ id })) as never)
      assert.is((await flow.close()).committed, 10)
      assert.is(await scene.client.get(`${table.name}:n`), '10')
      const list = await scene.client.lrange(`${table.name}:list`, 0, -1)
      assert.equal(
        list.map(Number).sort((a, b) => a - b),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      )
    }))

  test(`ioredis ${version}: a stored text that reads like MULTI's answer is a reply like any other`, () =>
    withClient(async (client) => {
      const table = scene.table(['id', 'how'])
      const commands = ({ id, how }: { id: number; how: string }) => {
        const swap = ['GETSET', `${table.name}:${id}`, 'new'] as const
        const queued = ['EVAL', "return 'QUEUED'", 1, `${table.name}:${id}`] as const
        return how === 'swap' ? swap : how === 'script' ? queued : [swap, queued]
      }
      const batch = ['swap', 'script', 'both'].map((how, id) => ({ id, how }))
      for (const { id } of batch) await scene.client.set(`${table.name}:${id}`, 'QUEUED')
      const driver = driverOf(client, commands)
      assert.equal(await write(driver, table, batch), [])
      await client.multi({ pipeline: false })
      const failures = refusals(driver, await outcome(driver, table, batch))
      assert.equal(
        failures.map(({ reason, ambiguous }) => [reason, ambiguous]),
        batch.map(() => ['non_retryable', true]),
      )
      await client.exec().catch(() => undefined)
      await inStep(client)
    }))

  const rows: Record<string, AnyRow[]> = {
    'a single command': [{ id: 1, name: 'new' }],
    'several single commands': [
      { id: 1, name: 'new' },
      { id: 2, name: 'x' },
    ],
    'a MULTI of its own': [{ id: 1, name: null }],
    'first one, then the other': [
      { id: 1, name: 'new' },
      { id: 2, name: null },
    ],
  }
  for (const [what, batch] of Object.entries(rows)) {
    test(`ioredis ${version}: within an open MULTI of the application nothing is told committed: ${what}`, () =>
      withClient(async (client) => {
        const table = scene.table(columns, { action: 'update', keys: ['id'] })
        const driver = driverOf(client)
        assert.equal(await write(driver, table, [{ id: 9, name: 'known' }]), []) // its session is known from now on
        await client.multi({ pipeline: false })
        const failures = refusals(driver, await outcome(driver, table, batch))
        assert.equal(
          failures.map(({ index, reason, ambiguous }) => [index, reason, ambiguous]),
          batch.map((_, index) => [index, 'non_retryable', true]),
        )
        await client.exec().catch(() => undefined)
        await inStep(client)
        assert.equal(await write(driver, table, [{ id: 4, name: null }]), [])
      }))
  }
}

test('a session that could not be asked for within a MULTI of the application is asked for later', async () => {
  const client = scene.client.duplicate()
  const table = scene.table(columns, { action: 'update', keys: ['id'] })
  const driver = driverOf(client)
  const asked: string[] = []
  const call = client.call.bind(client) as (...words: string[]) => Promise<unknown>
  Object.assign(client, { call: (...words: string[]) => call(...words).finally(() => asked.push(words.join(' '))) })
  await client.multi({ pipeline: false })
  await outcome(driver, table, [{ id: 1, name: 'x' }])
  await client.exec()
  for (const name of ['y', 'z']) assert.equal(await write(driver, table, [{ id: 1, name }]), [])
  assert.is(asked.filter((words) => words === 'CLIENT ID').length, 2)
  client.disconnect()
})

/** The rows that failed, also when they all did for one cause. */
async function outcome(driver: ReturnType<typeof driverOf>, table: Table, batch: readonly AnyRow[]) {
  return write(driver, table, batch).catch((error: unknown) => batch.map((_, index) => ({ index, error })))
}

test.run()
