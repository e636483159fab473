import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from 'ioredis'
import { Cluster as Cluster5 } from 'ioredis-5'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { args, hash, redisExecutor, stream } from '../../src/drivers/redis/index.ts'
import { slotOf } from '../../src/drivers/redis/slot.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { type AnyRow, driverOf, refusals, tableOf, write } from '../support/databases/redis.ts'
import { RedisCluster } from '../support/servers/redis-cluster.ts'

const test = suite('redis: cluster')
const servers = await RedisCluster.open(3)
const client = new Cluster(servers.nodes)
client.on('error', () => undefined)
test.after(async () => {
  client.disconnect()
  await servers.close()
})
test.before.each(async () => {
  await servers.healthy()
  await Promise.all(servers.servers.map((_, node) => servers.at(node, (redis) => redis.flushall())))
})

const columns = ['id', 'v']
const users = tableOf('users', columns, { action: 'update', keys: ['id'] })

function rowsFrom(first: number, count: number): AnyRow[] {
  return Array.from({ length: count }, (_, i) => ({ id: first + i, v: i }))
}

async function size(): Promise<number> {
  const sizes = await Promise.all(servers.servers.map((_, node) => servers.at(node, (redis) => redis.dbsize())))
  return sizes.reduce((sum, count) => sum + count, 0)
}

function slot(key: string): number {
  const bytes = Buffer.from(key)
  return slotOf(bytes, 0, bytes.length)
}

test('slots are those the server computes, hash tags included', async () => {
  const keys = ['', 'a', 'users:1', '{users}:1', 'x{a}y', 'x{}y', '{', '}{a}', '{{a}}', 'x{a', 'ü{世界}', '123456789']
  await servers.at(0, async (redis) => {
    for (const key of keys) assert.is(slot(key), await redis.cluster('KEYSLOT', key), key)
  })
})

test('a batch spreads over all nodes, each pipeline to its owner', async () => {
  assert.equal(await write(driverOf(client), users, rowsFrom(0, 5000)), [])
  const sizes = await Promise.all(servers.servers.map((_, node) => servers.at(node, (redis) => redis.dbsize())))
  assert.ok(sizes.every((count) => count > 1000))
  assert.is(await size(), 5000)
})

test('every kind of mapping, and several commands for a row', async () => {
  const tags = tableOf('tags', columns)
  const ignored = tableOf('ignored', columns, { action: 'ignore', keys: ['id'] })
  const replaced = tableOf('replaced', columns, { action: 'replace', keys: ['id'] })
  const driver = driverOf(client, hash({ ttl: 60_000 }))
  for (const table of [ignored, replaced]) {
    assert.equal(await write(driver, table, rowsFrom(0, 300)), [])
    assert.equal(await write(driver, table, rowsFrom(0, 300)), [])
  }
  const pair = (row: { id: number }) => [['SADD', `{t${row.id}}:a`, 1] as const, ['INCR', `{t${row.id}}:b`] as const]
  assert.equal(await write(driverOf(client, pair), tags, rowsFrom(0, 300)), [])
  const apart = (row: { id: number }) => [['SADD', `x${row.id}`, 1] as const, ['INCR', `y${row.id}`] as const]
  const failures = refusals(driverOf(client), await write(driverOf(client, apart), tags, rowsFrom(0, 20)))
  assert.equal(
    failures.map(({ reason }) => reason),
    Array(20).fill('invalid_data'),
  )
  assert.is(await client.get('{t299}:b'), '1')
})

test('streams keep their order, commands without a key go anywhere', async () => {
  const events = tableOf('events', ['region', 'n'])
  const rows = Array.from({ length: 6000 }, (_, n) => ({ region: n % 12, n }))
  assert.equal(await write(driverOf(client, stream<AnyRow>({ key: 'region' })), events, rows), [])
  for (let region = 0; region < 12; region++) {
    const entries = await client.xrange(`events:${region}`, '-', '+')
    assert.equal(
      entries.map(([, fields]) => Number(fields[3])),
      rows.filter((row) => row.region === region).map(({ n }) => n),
    )
  }
  const calls = tableOf('calls', ['cmd', 'key', 'value'])
  assert.equal(await write(driverOf(client, args()), calls, [{ cmd: 'PUBLISH', key: 'channel', value: 'x' }]), [])
})

test('the oldest supported ioredis, with a prefix for its keys', async () => {
  const old = new Cluster5(servers.nodes, { keyPrefix: 'p{x}:', lazyConnect: true })
  assert.equal(await write(driverOf(old), users, rowsFrom(0, 200)), [])
  old.disconnect()
  assert.is(await client.hget('p{x}:users:7', 'v'), '7')
  const owner = await servers.ownerOf(slot('x'))
  assert.is(await servers.at(owner, (redis) => redis.dbsize()), 200)
})

test('a slot that has moved is found within the attempt', async () => {
  const moving = slot('{m}')
  const [from, to] = [await servers.ownerOf(moving), ((await servers.ownerOf(moving)) + 1) % 3]
  const tagged = hash<AnyRow>({ key: ({ id }) => `{m}:${id}` })
  assert.equal(await write(driverOf(client, tagged), users, rowsFrom(0, 100)), [])
  await servers.moveSlot(moving, from, to)
  assert.equal(await write(driverOf(client, tagged), users, rowsFrom(50, 100)), [])
  assert.is(await servers.at(to, (redis) => redis.dbsize()), 150)
})

test('keys are followed to the node they are being moved to, several commands and scripts too', async () => {
  const moving = slot('{n}')
  const from = await servers.ownerOf(moving)
  const to = (from + 1) % 3
  const key = ({ id }: AnyRow) => `{n}:${id}`
  const driver = driverOf(client, hash<AnyRow>({ key, ttl: 60_000 }))
  assert.equal(await write(driver, users, rowsFrom(0, 50)), [])
  await servers.beginMove(moving, from, to)
  assert.equal(await write(driver, users, rowsFrom(25, 50)), [])
  const refused = tableOf('once', columns)
  const failures = refusals(driver, await write(driver, refused, rowsFrom(40, 60)))
  await servers.moveSlot(moving, from, to)
  assert.equal(
    failures.map(({ index, reason }) => [index, reason]),
    Array.from({ length: 35 }, (_, index) => [index, 'duplicate_key']),
  )
  assert.is(await size(), 100)
  assert.equal(await client.hgetall('{n}:60'), { id: '60', v: '35' })
})

test('slots migrate while batches run: every row is written once, the last of a key wins', async () => {
  const executor = redisExecutor(client, { commands: { counts: countOf, users: hash() } })
    .withConcurrencyLimit(4)
    .withRetry({ maxAttempts: 30, backoffBase: 20, maxBackoff: 100 })
  const counts = defineTable<{ id: number }>('counts', { columns: ['id'] })
  const named = defineTable<{ id: number; v: number }>('users', {
    columns: ['id', 'v'],
    onConflict: { action: 'update', keys: ['id'] },
  })
  const flow = new BatchFlow(executor, { flushSize: 100, flushInterval: 2 })
  const slots = Array.from({ length: 40 }, (_, id) => slot(`count:${id}`))
  let writing = true
  const migrating = (async () => {
    for (let i = 0; writing && i < slots.length; i++) {
      const from = await servers.ownerOf(slots[i]!)
      await servers.moveSlot(slots[i]!, from, (from + 1) % 3)
    }
    return slots.length
  })()
  for (let n = 0; n < 20_000; n++) {
    await flow.submit(counts, { id: n % 40 })
    await flow.submit(named, { id: n % 200, v: n })
    if (n % 200 === 0) await sleep(5)
  }
  const summary = await flow.close()
  writing = false
  await migrating
  assert.is(summary.failed, 0)
  for (let id = 0; id < 40; id++) assert.is(await client.get(`count:${id}`), '500', `count:${id}`)
  for (let id = 0; id < 200; id++) assert.is(await client.hget(`users:${id}`, 'v'), String(19_800 + id))
})

function countOf({ id }: { id: number }) {
  return ['INCR', `count:${id}`] as const
}

test('a node killed under load fails its own rows only, and takes them when it is back', async () => {
  const victim = servers.servers[1]!
  let errors = 0
  const executor = redisExecutor(client)
    .withErrorClassifier(() => void errors++)
    .withConcurrencyLimit(4)
    .withTimeout(2000)
    .withRetry({ maxAttempts: 300, backoffBase: 20, maxBackoff: 100 })
  const flow = new BatchFlow(executor, { flushSize: 100, flushInterval: 2 })
  const named = defineTable<{ id: number; v: number }>('users', {
    columns: ['id', 'v'],
    onConflict: { action: 'update', keys: ['id'] },
  })
  for (let n = 0; n < 6000; n++) {
    await flow.submit(named, { id: n, v: n })
    if (n % 100 === 0) await sleep(2)
    if (n === 2000) void victim.stop('SIGKILL').then(() => victim.start())
  }
  const summary = await flow.close()
  assert.is(summary.failed, 0)
  await servers.healthy()
  assert.is(await size(), 6000)
  assert.ok(errors > 0, 'the kill hit nothing')
})

test('rows of the nodes that live are committed while one is gone', async () => {
  const victim = servers.servers[2]!
  const driver = driverOf(client)
  await write(driver, users, rowsFrom(0, 10))
  await victim.stop('SIGKILL')
  const failures = refusals(driver, await write(driver, users, rowsFrom(0, 300)))
  await victim.start()
  assert.ok(failures.length > 50 && failures.length < 200, String(failures.length))
  assert.ok(failures.every(({ reason }) => reason === 'connection'))
  await servers.healthy()
  assert.ok((await size()) >= 300 - failures.length)
})

test.run()
