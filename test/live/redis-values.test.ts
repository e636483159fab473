import { Redis as Redis5 } from 'ioredis-5'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RowFailedError } from '../../src/contract/errors.ts'
import { defineTable, type OnConflict } from '../../src/contract/table.ts'
import { args, hash, json, redisExecutor, set, stream } from '../../src/drivers/redis/index.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { thrownBy } from '../support/assertions.ts'
import { type AnyRow, driverOf, RedisScene, refusals, write } from '../support/databases/redis.ts'

const test = suite('redis: values and actions')
const scene = await RedisScene.open()
const { client } = scene
test.after(() => scene.close())

const columns = ['id', 'name', 'size'] as const

function keyed(action: 'ignore' | 'update' | 'replace'): OnConflict<AnyRow> {
  return { action, keys: ['id'] }
}

test('a table with keys is written as hashes, one without as a stream', async () => {
  const hashes = scene.table(columns, keyed('update'))
  const entries = scene.table(columns)
  assert.equal(await write(scene.driver(), hashes, [{ id: 1, name: 'a', size: 2.5 }]), [])
  assert.equal(await client.hgetall(`${hashes.name}:1`), { id: '1', name: 'a', size: '2.5' })
  assert.equal(await write(scene.driver(), entries, [{ id: 1, name: 'a', size: null }]), [])
  assert.equal(
    (await client.xrange(entries.name, '-', '+')).map(([, fields]) => fields),
    [['id', '1', 'name', 'a']],
  )
})

test('every type of value arrives as documented', async () => {
  const values: Record<string, [value: unknown, text: string | Buffer]> = {
    text: ['Grüße, 世界 👋 \0 \r\n', 'Grüße, 世界 👋 \0 \r\n'],
    empty: ['', ''],
    long: ['é'.repeat(500), 'é'.repeat(500)],
    integer: [-42, '-42'],
    fraction: [0.1, '0.1'],
    large: [2n ** 70n, String(2n ** 70n)],
    yes: [true, 'true'],
    no: [false, 'false'],
    date: [new Date(Date.UTC(2024, 1, 29)), '2024-02-29T00:00:00.000Z'],
    array: [[1, 'two', { three: 3n }], '[1,"two",{"three":"3"}]'],
    object: [{ a: { b: null } }, '{"a":{"b":null}}'],
    bytes: [Buffer.from([0, 255, 13, 10, 128]), Buffer.from([0, 255, 13, 10, 128])],
    view: [new Uint8Array([1, 2, 3, 4]).subarray(1, 3), Buffer.from([2, 3])],
  }
  const table = scene.table(['id', ...Object.keys(values)], keyed('replace'))
  const row = Object.fromEntries(Object.entries(values).map(([column, [value]]) => [column, value]))
  assert.equal(await write(scene.driver(), table, [{ id: 'x', ...row }]), [])
  const stored = await client.hgetallBuffer(`${table.name}:x`)
  for (const [column, [, text]] of Object.entries(values)) {
    assert.is(Buffer.compare(stored[column] ?? Buffer.alloc(0), Buffer.from(text)), 0, column)
  }
})

test('a value that has no text fails its own row and nothing of it is shown', async () => {
  const circular: AnyRow = { secret: 'hunter2' }
  circular['self'] = circular
  const bad = [
    circular,
    new Date(Number.NaN),
    Symbol('hunter2'),
    () => 'hunter2',
    new Map([['hunter2', 1]]),
    new Float64Array(1),
  ]
  const table = scene.table(columns, keyed('update'))
  const driver = scene.driver()
  const rows = bad.flatMap((value, i) => [
    { id: `good ${i}`, name: 'good', size: i },
    { id: `bad ${i}`, name: value, size: i },
  ])
  const failures = refusals(driver, await write(driver, table, rows))
  assert.equal(
    failures.map(({ index, reason, ambiguous }) => [index, reason, ambiguous]),
    bad.map((_, i) => [2 * i + 1, 'invalid_data', false]),
  )
  for (const { message } of failures) assert.not.match(message, /hunter2/)
  assert.is((await scene.keys(table.name)).length, bad.length)
})

test('update merges what is present, removes what is NULL and leaves what is absent', async () => {
  const table = scene.table(columns, keyed('update'))
  await client.hset(`${table.name}:1`, { id: 1, name: 'old', size: 1, other: 'kept' })
  await client.hset(`${table.name}:2`, { id: 2, name: 'old', size: 1 })
  const driver = scene.driver()
  const partial = driver.plan({ table, columns: ['id', 'name'], rows: [{ id: 1, name: 'new' }] })
  assert.is(await driver.run(partial, { signal: new AbortController().signal }).then((failed) => failed?.length), 0)
  assert.equal(await write(driver, table, [{ id: 2, name: null, size: 3 }]), [])
  assert.equal(await client.hgetall(`${table.name}:1`), { id: '1', name: 'new', size: '1', other: 'kept' })
  assert.equal(await client.hgetall(`${table.name}:2`), { id: '2', size: '3' })
})

test('update with a set of columns writes the others only with a new key', async () => {
  const wide = Array.from({ length: 3000 }, (_, i) => `c${i}`)
  const onConflict = { action: 'update', keys: ['id'], set: ['name', ...wide] } as const
  const table = scene.table(['id', 'name', 'size', ...wide], onConflict)
  await client.hset(`${table.name}:1`, { id: 1, name: 'old', size: 1, c0: 'gone', c2999: 'gone' })
  const driver = scene.driver(hash({ ttl: 50_000 }))
  const values = Object.fromEntries(wide.slice(1, -1).map((column, i) => [column, i]))
  const row = { name: 'new', size: 2, c0: null, ...values }
  const rows = [
    { id: 1, ...row },
    { id: 2, ...row },
    { id: 3, size: 3 },
  ]
  assert.equal(await write(driver, table, rows), [])
  const [old, fresh] = [await client.hgetall(`${table.name}:1`), await client.hgetall(`${table.name}:2`)]
  assert.equal([old['name'], old['size'], old['c0'], old['c1'], old['c2999']], ['new', '1', undefined, '0', undefined])
  assert.equal([fresh['name'], fresh['size'], fresh['c0'], fresh['c1']], ['new', '2', undefined, '0'])
  assert.is(Object.keys(old).length, 3 + 2998)
  assert.equal(await client.hgetall(`${table.name}:3`), { id: '3', size: '3' })
  assert.ok((await client.pttl(`${table.name}:1`)) > 40_000)
})

test('replace leaves nothing of the old row, whatever its type', async () => {
  const table = scene.table(columns, keyed('replace'))
  await client.hset(`${table.name}:1`, { id: 1, name: 'old', other: 'gone' })
  await client.set(`${table.name}:2`, 'not a hash')
  assert.equal(
    await write(scene.driver(), table, [
      { id: 1, size: 2 },
      { id: 2, name: 'b' },
    ]),
    [],
  )
  assert.equal(await client.hgetall(`${table.name}:1`), { id: '1', size: '2' })
  assert.equal(await client.hgetall(`${table.name}:2`), { id: '2', name: 'b' })
})

test('ignore keeps the first hash, error refuses the second', async () => {
  const ignored = scene.table(columns, keyed('ignore'))
  const refused = scene.table(columns)
  for (const table of [ignored, refused]) {
    const driver = scene.driver(hash<AnyRow>({ key: 'id', ttl: 60_000 }))
    await client.hset(`${table.name}:1`, { id: 1, name: 'first' })
    const failures = refusals(
      driver,
      await write(driver, table, [
        { id: 1, name: 'x', size: 1 },
        { id: 2, name: 'y', size: 2 },
      ]),
    )
    assert.equal(await client.hgetall(`${table.name}:1`), { id: '1', name: 'first' })
    assert.equal(await client.hgetall(`${table.name}:2`), { id: '2', name: 'y', size: '2' })
    assert.ok((await client.pttl(`${table.name}:2`)) > 50_000)
    const expected =
      table === ignored
        ? []
        : [{ index: 0, reason: 'duplicate_key', ambiguous: false, message: 'the key exists already' }]
    assert.equal(failures, expected)
  }
})

test('strings: every action, with a time to live per row', async () => {
  for (const [action, second] of [
    ['error', '1'],
    ['ignore', '1'],
    ['update', '2'],
    ['replace', '2'],
  ] as const) {
    const table = scene.table(columns, action === 'error' ? { action } : keyed(action))
    const ttl = ({ size }: AnyRow) => (size === 1 ? 30_000 : undefined)
    const driver = scene.driver(set<AnyRow>({ key: 'id', value: 'size', ttl }))
    assert.equal(await write(driver, table, [{ id: 'k', size: 1 }]), [])
    assert.ok((await client.pttl(`${table.name}:k`)) > 20_000)
    const failures = refusals(driver, await write(driver, table, [{ id: 'k', size: 2 }]))
    assert.equal(
      failures.map(({ reason }) => reason),
      action === 'error' ? ['duplicate_key'] : [],
    )
    assert.is(await client.get(`${table.name}:k`), second)
    assert.is((await client.pttl(`${table.name}:k`)) > 0, second === '1')
    const missing = refusals(driver, await write(driver, table, [{ id: 'n', size: null }]))
    assert.equal(
      missing.map(({ reason }) => reason),
      ['invalid_data'],
    )
  }
})

test('a hash with a time to live gets it in one go with its fields', async () => {
  for (const action of ['update', 'replace'] as const) {
    const table = scene.table(columns, keyed(action))
    await write(scene.driver(hash({ ttl: 40_000 })), table, [{ id: 1, name: 'a', size: null }])
    assert.equal(await client.hgetall(`${table.name}:1`), { id: '1', name: 'a' })
    const left = await client.pttl(`${table.name}:1`)
    assert.ok(left > 30_000 && left <= 40_000)
  }
})

test('JSON documents keep their types', async () => {
  const table = scene.table(columns, keyed('replace'))
  await write(scene.driver(json()), table, [
    { id: 1, name: null, size: { big: 10n ** 20n } },
    { id: 2, size: Buffer.from('hi') },
  ])
  assert.is(await client.get(`${table.name}:1`), '{"id":1,"name":null,"size":{"big":"100000000000000000000"}}')
  assert.is(await client.get(`${table.name}:2`), '{"id":2,"size":"aGk="}')
})

test('streams keep the order of the rows and are trimmed', async () => {
  const table = scene.table(['n'])
  const rows = Array.from({ length: 5000 }, (_, n) => ({ n }))
  await write(scene.driver(), table, rows)
  const entries = await client.xrange(table.name, '-', '+')
  assert.equal(
    entries.map(([, [, n]]) => Number(n)),
    rows.map(({ n }) => n),
  )
  await write(scene.driver(stream({ maxLen: 10, approximate: false })), table, rows.slice(0, 100))
  assert.is(await client.xlen(table.name), 10)
  await write(scene.driver(stream({ maxLen: 100 })), table, rows)
  const length = await client.xlen(table.name)
  assert.ok(length >= 100 && length < 1000, String(length))
})

test('a stream can be split by a column and take its ids from the rows', async () => {
  const table = scene.table(['region', 'n'])
  const driver = scene.driver(stream<AnyRow>({ key: 'region', id: ({ n }) => `${n}-1` }))
  const failures = await write(driver, table, [
    { region: 'eu', n: 5 },
    { region: 'us', n: 4 },
    { region: 'eu', n: 5 },
  ])
  assert.equal(
    refusals(driver, failures).map(({ index, reason }) => [index, reason]),
    [[2, 'duplicate_key']],
  )
  assert.equal(
    (await client.xrange(`${table.name}:eu`, '-', '+')).map(([id]) => id),
    ['5-1'],
  )
  assert.equal(
    (await client.xrange(`${table.name}:us`, '-', '+')).map(([id]) => id),
    ['4-1'],
  )
})

test('rows can be whole commands, as in the Go library', async () => {
  const table = scene.table(['cmd', 'key', 'value', 'more'])
  const driver = scene.driver(args())
  const [a, b, c] = [`${table.name}:a`, `${table.name}:b`, `${table.name}:c`]
  const failures = await write(driver, table, [
    { cmd: 'SET', key: a, value: 'x', more: ['EX', 100] },
    { cmd: 'INCRBY', key: b, value: 7 },
    { cmd: 'lpush', key: c, value: ['1', '2'] },
    { cmd: 'INCRBY', key: a, value: 1 },
    { cmd: 'SUBSCRIBE', key: a },
    { cmd: 'NOSUCH', key: a },
    { cmd: 'GET *', key: a },
    { key: a },
  ])
  assert.equal(
    refusals(driver, failures)
      .map(({ index, reason }) => [index, reason])
      .sort(),
    [
      [3, 'invalid_data'],
      [4, 'invalid_data'],
      [5, 'syntax'],
      [6, 'invalid_data'],
      [7, 'invalid_data'],
    ],
  )
  assert.is(await client.get(a), 'x')
  assert.ok((await client.ttl(a)) > 90)
  assert.is(await client.get(b), '7')
  assert.equal(await client.lrange(c, 0, -1), ['2', '1'])
})

test('a function of one command or several, which then succeed or fail together', async () => {
  const table = scene.table(['id', 'tag'])
  const driver = scene.driver((row: { id: number; tag: string }, { name }) =>
    row.id < 0
      ? ['SET', `${name}:${row.id}`, row.tag]
      : [
          ['SADD', `${name}:tag:${row.tag}`, row.id],
          ['INCR', `${name}:count`],
        ],
  )
  assert.equal(
    await write(driver, table, [
      { id: 1, tag: 'a' },
      { id: -1, tag: 'b' },
      { id: 2, tag: 'a' },
    ]),
    [],
  )
  assert.equal(await client.smembers(`${table.name}:tag:a`), ['1', '2'])
  assert.is(await client.get(`${table.name}:-1`), 'b')
  await client.set(`${table.name}:count`, 'not a number')
  const failures = refusals(
    driver,
    await write(driver, table, [
      { id: 3, tag: 'a' },
      { id: -2, tag: 'b' },
    ]),
  )
  assert.equal(
    failures.map(({ index, reason }) => [index, reason]),
    [[0, 'invalid_data']],
  )
  assert.is(await client.get(`${table.name}:-2`), 'b')
})

test('a row for which there is nothing to do is committed', async () => {
  const table = scene.table(['id'])
  const driver = scene.driver((row: { id: number }, { name }) => (row.id > 0 ? ['INCR', `${name}:n`] : []))
  assert.equal(await write(driver, table, [{ id: 0 }]), [])
  assert.equal(await write(driver, table, [{ id: 0 }, { id: 1 }, { id: 0 }, { id: 2 }]), [])
  assert.is(await client.get(`${table.name}:n`), '2')
})

test('keys of several columns stay apart, and a key part that is NULL is refused', async () => {
  const table = scene.table(['a', 'b'], { action: 'replace', keys: ['a', 'b'] })
  const driver = scene.driver()
  const rows = [
    { a: 'x:y', b: 'z' },
    { a: 'x', b: 'y:z' },
    { a: 'x%3Ay', b: 'z' },
    { a: 'x', b: null },
  ]
  const failures = refusals(driver, await write(driver, table, rows))
  assert.equal(
    failures.map(({ index, reason }) => [index, reason]),
    [[3, 'invalid_data']],
  )
  assert.equal(await scene.keys(table.name), [
    `${table.name}:x%253Ay:z`,
    `${table.name}:x%3Ay:z`,
    `${table.name}:x:y%3Az`,
  ])
})

test('bytes can be parts of a key', async () => {
  const table = scene.table(['a', 'b', 'v'], { action: 'replace', keys: ['a', 'b'] })
  const ids = [Buffer.from([0, 200, 13, 10]), Buffer.from([0, 201]), Buffer.from('x:y%'), Buffer.from([])]
  const rows = ids.map((a, v) => ({ a, b: 'é:', v }))
  assert.equal(await write(scene.driver(), table, rows), [])
  const escaped = [ids[0]!, ids[1]!, Buffer.from('x%3Ay%25'), ids[3]!]
  for (const [v, a] of escaped.entries()) {
    const key = Buffer.concat([Buffer.from(`${table.name}:`), a, Buffer.from(':é%3A')])
    assert.is(await client.hget(key, 'v'), String(v))
    await client.del(key)
  }
})

test('bytes can be keys', async () => {
  const table = scene.table(['id', 'v'], keyed('replace'))
  const id = Buffer.from([0, 200, 13, 10])
  await write(scene.driver(), table, [{ id, v: 1 }])
  assert.is(await client.hget(Buffer.concat([Buffer.from(`${table.name}:`), id]), 'v'), '1')
  await client.del(Buffer.concat([Buffer.from(`${table.name}:`), id]))
})

test('the key prefix of the client goes before every key', async () => {
  const name = scene.name()
  const prefixed = client.duplicate({ keyPrefix: `${name}:p:` })
  const [hashes, raw] = [scene.table(['id'], keyed('update')), scene.table(['cmd', 'key', 'value'])]
  await write(driverOf(prefixed), hashes, [{ id: 1 }])
  await write(driverOf(prefixed, args()), raw, [{ cmd: 'MSET', key: 'a', value: ['1', 'b', '2'] }])
  prefixed.disconnect()
  assert.equal(await scene.keys(name), [`${name}:p:a`, `${name}:p:b`, `${name}:p:${hashes.name}:1`])
  assert.is(await client.get(`${name}:p:b`), '2')
})

test('wide rows, 1 MB values and 50,000 rows in one batch', async () => {
  const wide = Array.from({ length: 5000 }, (_, i) => `column_${i}`)
  for (const action of ['update', 'ignore'] as const) {
    const table = scene.table(['id', ...wide], keyed(action))
    const row = Object.fromEntries(wide.map((column, i) => [column, i]))
    assert.equal(await write(scene.driver(), table, [{ id: 1, ...row }]), [])
    assert.is(await client.hlen(`${table.name}:1`), 5001)
  }
  const big = scene.table(['id', 'v'], keyed('replace'))
  const v = 'ü'.repeat(500_000)
  const bytes = Buffer.alloc(1_000_000, 7)
  assert.equal(
    await write(scene.driver(), big, [
      { id: 1, v },
      { id: 2, v: bytes },
    ]),
    [],
  )
  assert.is(await client.hget(`${big.name}:1`, 'v'), v)
  assert.ok(bytes.equals((await client.hgetBuffer(`${big.name}:2`, 'v')) ?? Buffer.alloc(0)))
  const many = scene.table(['id', 'v'], keyed('update'))
  assert.equal(
    await write(
      scene.driver(),
      many,
      Array.from({ length: 50_000 }, (_, id) => ({ id, v: `value ${id}` })),
    ),
    [],
  )
  assert.is((await scene.keys(many.name)).length, 50_000)
})

test('through a flow: rows of a key never overtake each other, and each row has its own fate', async () => {
  const name = scene.name()
  const users = defineTable<{ id: number; n: number }>(name, {
    columns: ['id', 'n'],
    onConflict: { action: 'update', keys: ['id'] },
  })
  await client.set(`${name}:13`, 'a string')
  const executor = redisExecutor(client).withConcurrencyLimit(4)
  const flow = new BatchFlow(executor, { flushSize: 50, flushInterval: 5 })
  const receipts = []
  for (let n = 0; n < 20_000; n++)
    receipts.push(
      flow.write(users, { id: n % 97, n }).then(
        () => true,
        () => false,
      ),
    )
  const settled = await Promise.all(receipts)
  const summary = await flow.close()
  for (let id = 0; id < 97; id++) {
    if (id === 13) continue
    const last = 20_000 - 1 - ((20_000 - 1 - id) % 97)
    assert.is(await client.hget(`${name}:${id}`, 'n'), String(last))
  }
  assert.equal(settled.map((committed, n) => committed === (n % 97 !== 13)).includes(false), false)
  assert.is(summary.failed, settled.filter((committed) => !committed).length)
  assert.is(await client.get(`${name}:13`), 'a string')
})

test('a row that the server refuses carries the prefix of its error', async () => {
  const table = scene.table(columns, keyed('update'))
  await client.set(`${table.name}:1`, 'a string')
  const flow = new BatchFlow(redisExecutor(client))
  const error = await thrownBy(() => flow.write(table, { id: 1, name: 'x', size: 1 } as never))
  await flow.close()
  assert.ok(error instanceof RowFailedError)
  assert.equal([error.reason, error.databaseCode], ['constraint', 'WRONGTYPE'])
})

test('works with the oldest supported ioredis, and without a word on the console', async () => {
  const old = new Redis5(scene.url)
  const table = scene.table(columns, keyed('replace'))
  const plain = scene.table(columns)
  const rows = Array.from({ length: 1000 }, (_, id) => ({ id, name: `n ${id}`, size: id }))
  assert.equal(await write(driverOf(old), table, rows), [])
  assert.equal(await write(driverOf(old, hash<AnyRow>({ key: 'id' })), plain, rows), [])
  const driver = driverOf(old, hash<AnyRow>({ key: 'id' }))
  assert.is(
    refusals(driver, await write(driver, plain, rows)).filter(({ reason }) => reason === 'duplicate_key').length,
    1000,
  )
  old.disconnect()
  assert.is((await scene.keys(table.name)).length, 1000)
})

test.run()
