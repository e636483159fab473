import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { RowFailure } from '../../../src/contract/driver.ts'
import { defineTable, type OnConflict } from '../../../src/contract/table.ts'
import { RedisDriver } from '../../../src/drivers/redis/driver.ts'
import { args, hash, json, set, stream } from '../../../src/drivers/redis/index.ts'
import { OptionError } from '../../../src/support/batchflow-error.ts'
import { rejectsWith, thrownBy } from '../../support/assertions.ts'
import { type AnyRow, tableOf } from '../../support/databases/redis.ts'
import { commandsOf, plan, unconnected, unconnectedCluster } from '../../support/databases/redis-commands.ts'

const columns = ['id', 'a', 'b']
const inserted = tableOf('t', columns)
const ignored = tableOf('t', columns, { action: 'ignore', keys: ['id'] })
const updated = tableOf('t', columns, { action: 'update', keys: ['id'] })
const replaced = tableOf('t', columns, { action: 'replace', keys: ['id'] })
const row = { id: 1, a: 'x', b: null }

function messages(failures: readonly RowFailure[]): [index: number, message: string][] {
  return failures.map(({ index, error }) => [index, (error as Error).message])
}

test('hash: the commands of each action, with and without a time to live', () => {
  const ttl = hash<AnyRow>({ key: 'id', ttl: 500 })
  assert.equal(commandsOf(plan(updated, [{ ...row, b: 2 }])), [['hset', 't:1', 'id', '1', 'a', 'x', 'b', '2']])
  assert.equal(commandsOf(plan(updated, [row], ttl)), [
    ['MULTI'],
    ['hset', 't:1', 'id', '1', 'a', 'x'],
    ['hdel', 't:1', 'b'],
    ['pexpire', 't:1', '500'],
    ['EXEC'],
  ])
  assert.equal(commandsOf(plan(updated, [{ id: 1, a: 'x' }], hash(), ['id', 'a'])), [
    ['hset', 't:1', 'id', '1', 'a', 'x'],
  ])
  assert.equal(commandsOf(plan(replaced, [row])), [
    ['MULTI'],
    ['del', 't:1'],
    ['hset', 't:1', 'id', '1', 'a', 'x'],
    ['EXEC'],
  ])
  for (const table of [ignored, inserted]) {
    const [[command, sha, ...rest] = []] = commandsOf(plan(table, [row], ttl))
    assert.is(command, 'evalsha')
    assert.match(sha!, /^[0-9a-f]{40}$/)
    assert.equal(rest, ['1', 't:1', '500', 'id', '1', 'a', 'x'])
  }
})

test('set and json: the commands of each action', () => {
  const value = set<AnyRow>({ key: 'id', value: 'a', ttl: 9 })
  assert.equal(commandsOf(plan(updated, [row], value)), [['set', 't:1', 'x', 'PX', '9']])
  assert.equal(commandsOf(plan(replaced, [row], set({ value: () => 7n }))), [['set', 't:1', '7']])
  assert.equal(commandsOf(plan(ignored, [row], value)), [['set', 't:1', 'x', 'PX', '9', 'NX']])
  assert.equal(commandsOf(plan(inserted, [row], value)), [['set', 't:1', 'x', 'PX', '9', 'NX']])
  assert.equal(commandsOf(plan(ignored, [row], json())), [['set', 't:1', '{"id":1,"a":"x","b":null}', 'NX']])
})

test('properties with columns of other names: fields and documents have those', () => {
  const table = (onConflict?: OnConflict<AnyRow>) =>
    defineTable<AnyRow>('t', { columns: { id: 'id', a: 'b', b: 'a' }, ...(onConflict && { onConflict }) })
  const both = { id: 1, a: 'x', b: 'y' }
  const fields = ['id', '1', 'b', 'x', 'a', 'y']
  assert.equal(commandsOf(plan(table({ action: 'update', keys: ['a'] }), [both])), [['hset', 't:x', ...fields]])
  assert.equal(commandsOf(plan(table(), [both])), [['xadd', 't', '*', ...fields]])
  const asJson = commandsOf(plan(table({ action: 'replace', keys: ['id'] }), [both], json()))
  assert.equal(asJson, [['set', 't:1', '{"id":1,"b":"x","a":"y"}']])
})

test('sums, greatest and least: one script, which set and json do not have', async () => {
  const table = tableOf('t', columns, { action: 'update', keys: ['id'], set: { a: 'add', b: 'max' } })
  const [[command, , ...rest] = []] = commandsOf(
    plan(table, [
      { id: 1, a: 1e21, b: null },
      { id: 2, a: null, b: 2 },
    ]),
  )
  assert.is(command, 'evalsha')
  const script = ['1', 't:1', '0', '0', '3', '0', '0', '', '', 'add', 'a', '1000000000000000000000', 'id', '1']
  assert.equal(rest, script)
  const refused = plan(table, [
    { id: 1, a: 'x' },
    { id: 2, a: new Date(0) },
    { id: 3, b: Number.NaN },
  ])
  assert.equal(messages(refused.failures), [
    [0, 'what is added must be a finite number, a bigint or a decimal number as text'],
    [1, 'what is added must be a finite number, a bigint or a decimal number as text'],
    [2, 'what is compared must be a finite number'],
  ])
  for (const mapping of [json(), set<AnyRow>({ key: 'id', value: 'a' })]) {
    const error = await thrownBy(() => plan(table, [row], mapping))
    assert.ok(error instanceof OptionError)
  }
  assert.equal(commandsOf(plan(table, [row], () => ['incrby', 't', 1])), [['incrby', 't', '1']])
})

test('a conflict clause is nothing that Redis could carry out, whatever the mapping', async () => {
  const table = tableOf('t', columns, { action: 'sql', keys: ['id'], sql: 'ON CONFLICT DO NOTHING' })
  for (const mapping of [hash(), json(), () => ['incr', 't'] as const]) {
    const error = await thrownBy(() => plan(table, [row], mapping))
    assert.ok(error instanceof OptionError)
    assert.is(error.message, 'table "t": onConflict.sql is for databases that speak SQL')
  }
})

test('stream: limits, ids, names', () => {
  const fields = ['id', '1', 'a', 'x']
  assert.equal(commandsOf(plan(inserted, [row])), [['xadd', 't', '*', ...fields]])
  assert.equal(commandsOf(plan(inserted, [row], stream({ maxLen: 10 }))), [
    ['xadd', 't', 'MAXLEN', '~', '10', '*', ...fields],
  ])
  const exact = stream<AnyRow>({ maxLen: 10, approximate: false, key: ({ id }) => `s${id}`, id: () => '5-*' })
  assert.equal(commandsOf(plan(inserted, [row], exact)), [['xadd', 's1', 'MAXLEN', '=', '10', '5-*', ...fields]])
})

test('an operation is named by its commands, whatever the rows hold', () => {
  assert.is(plan(updated, [row]).name, 'PIPELINE')
  assert.is(plan(updated, [row]).text, 'MULTI HSET HDEL EXEC')
  assert.is(plan(updated, [{ id: 1, a: 1, b: 1 }]).name, 'PIPELINE HSET')
  assert.is(plan(inserted, [row]).text, 'XADD')
})

test('an operation knows how many commands it has, and a driver where they go', () => {
  assert.is(plan(updated, [row, row]).batchSize, 8)
  const client = { ...unconnected(), options: { host: 'cache', port: 6380, db: 2 } }
  assert.equal(new RedisDriver(client).target, { namespace: '2', address: 'cache', port: 6380 })
  const local = { ...unconnected(), options: { path: '/run/redis.sock' } }
  assert.equal(new RedisDriver(local).target, { namespace: '0', address: '/run/redis.sock' })
  assert.is(new RedisDriver(unconnectedCluster()).target, undefined)
})

test('a bad row stays out of the pipeline, the others stay in', () => {
  const rows = [row, { id: null, a: 1 }, { id: 2, a: Symbol('x') }, { id: 3, a: 1 }]
  const pipeline = plan(replaced, rows)
  assert.equal(pipeline.rows, [0, 3])
  assert.equal(messages(pipeline.failures), [
    [1, 'a part of the key is NULL'],
    [2, 'a value of type symbol has no text'],
  ])
  assert.is(commandsOf(pipeline).length, 8)
  const empty = plan(inserted, [{}], hash<AnyRow>({ key: () => 'k' }))
  assert.equal(messages(empty.failures), [[0, 'every column is NULL, and Redis keeps no empty hash']])
  const thrown = plan(inserted, [row], () => {
    throw new TypeError('of the user')
  })
  assert.equal(messages(thrown.failures), [[0, 'the row cannot be encoded: see cause']])
  const ttls = plan(updated, [row], hash({ ttl: () => 0.5 }))
  assert.equal(messages(ttls.failures), [[0, 'the time to live must be an integer of at least 1 (ms)']])
})

test('commands that would break the connection for others are refused', () => {
  const pipeline = plan(inserted, [], args())
  assert.is(pipeline.rows.length, 0)
  for (const cmd of ['QUIT', 'subscribe', 'MULTI', 'select', 'BLPOP', 'client']) {
    const refused = plan(tableOf('t', ['cmd', 'key']), [{ cmd, key: 'k' }], args())
    assert.equal(messages(refused.failures), [[0, `${cmd.toUpperCase()} cannot be part of a batch`]])
  }
  for (const result of [[], 'SET', [['SET', 'k'], 'GET'], [[]]]) {
    const odd = plan(inserted, [row], () => result as never)
    assert.is(odd.failures.length, result.length === 0 ? 0 : 1)
  }
})

test('in a cluster every row has one slot', () => {
  const driver = new RedisDriver(unconnectedCluster(), {
    commands: (line: { keys: string[] }) => ['DEL', ...line.keys],
  })
  const table = tableOf('t', ['keys'])
  const rows = [{ keys: ['{a}1', '{a}2'] }, { keys: ['a', 'b'] }]
  const pipeline = driver.plan({ table, columns: table.columns, rows })
  assert.equal(pipeline.slots, [15495])
  assert.equal(messages(pipeline.failures), [
    [1, 'the keys of one row must share a slot of the cluster: give them the same {hash tag}'],
  ])
})

const refusedPlans: [string, () => unknown][] = [
  ['table "t": stream() has no conflict action update, only error', () => plan(updated, [row], stream())],
  ['table "t": json() has no conflict action update, only error, ignore, replace', () => plan(updated, [row], json())],
  ['table "t" has no conflict keys: give its mapping the option key', () => plan(inserted, [row], hash())],
  [
    'table "t": key must be among columns or a function, received "c"',
    () => plan(inserted, [row], hash<AnyRow>({ key: 'c' })),
  ],
  [
    'table "t": value must be among columns or a function, received "c"',
    () => plan(updated, [row], set<AnyRow>({ value: 'c' })),
  ],
  [
    'redisExecutor: commands has no mapping for table "t"; there are users,events',
    () => {
      const driver = new RedisDriver(unconnected(), { commands: { users: hash(), events: stream() } })
      return driver.plan({ table: updated, columns, rows: [row] })
    },
  ],
  ['hash(): unknown option "tll"; there are key, ttl', () => hash({ tll: 1 } as never)],
  ['hash(): ttl must be an integer of at least 1 (ms) or a function, received 0', () => hash({ ttl: 0 })],
  ['stream(): maxLen must be an integer of at least 1, received 0', () => stream({ maxLen: 0 })],
  ['set(): value must be a column or a function, received undefined', () => set({} as never)],
  [
    'redisExecutor: unknown option "command"; there are commands',
    () => new RedisDriver(unconnected(), { command: 1 } as never),
  ],
  [
    'redisExecutor: commands["t"] must be a mapping or a function, received 1',
    () => new RedisDriver(unconnected(), { commands: { t: 1 } } as never),
  ],
  [
    'redisExecutor: commands must be a mapping, a function or an object of them, received 1',
    () => new RedisDriver(unconnected(), { commands: 1 } as never),
  ],
  ['redisExecutor: client must be an ioredis Redis or Cluster, received an object', () => new RedisDriver({} as never)],
]

for (const [message, act] of refusedPlans) {
  test(`refused: ${message}`, async () => {
    await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, act)
  })
}

test("a mapping for the tables not named goes by the name '*'", () => {
  const driver = new RedisDriver(unconnected(), { commands: { users: hash(), '*': stream() } })
  assert.is(driver.plan({ table: inserted, columns, rows: [row] }).name, 'PIPELINE XADD')
})

test('the compiler knows the columns of a mapping', () => {
  interface User {
    id: number
    name: string
  }
  // @ts-expect-error no such column
  hash<User>({ key: 'nmae' })
  // @ts-expect-error no such column
  set<User>({ value: 'nmae' })
  // @ts-expect-error a key is a text or bytes
  stream<User>({ key: ({ id }) => id })
  assert.ok(set<User>({ key: ['id', 'name'], value: ({ name }) => name.trim(), ttl: ({ id }) => id }))
})

test.run()
