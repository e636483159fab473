import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EncodeError } from '../../src/drivers/kit/encode-error.ts'
import { hash } from '../../src/drivers/redis/index.ts'
import { addExactly } from '../../src/support/decimal.ts'
import { RedisScene } from '../support/databases/redis.ts'

const test = suite('columns that are combined on Redis')
const scene = await RedisScene.open()
const { client } = scene
test.after(() => scene.close())

const SET = { hits: 'add', last: 'max', first: 'min', created: 'keep', name: 'replace' } as const
const COLUMNS = ['id', ...Object.keys(SET)]
const { signal } = new AbortController()

async function write(driver: ReturnType<typeof scene.driver>, table: ReturnType<typeof scene.table>, rows: object[]) {
  return (await driver.run(driver.plan({ table, columns: table.columns, rows }), { signal })) ?? []
}

const digits = (most: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: most }).map((each) => each.join(''))
const decimal = fc
  .tuple(fc.constantFrom('', '-', '+'), digits(25), fc.option(digits(6), { nil: '' }))
  .map(([sign, whole, fraction]) => sign + whole + (fraction === '' ? '' : `.${fraction}`))

test('sums have every digit, as those in memory', async () => {
  const driver = scene.driver()
  const table = scene.table(COLUMNS, { action: 'update', keys: ['id'], set: SET })
  const pairs = fc.sample(fc.tuple(decimal, decimal), 500)
  const odd = [
    ['0.1', '0.2'],
    ['-0', '-0'],
    ['999999999999999', '1'],
    ['9'.repeat(40), '1'],
    ['-1.5', '1.5'],
    ['5', '-7'],
  ]
  const all = [...pairs, ...odd] as [string, string][]
  for (const place of [0, 1]) {
    const rows = all.map((pair, id) => ({ id, hits: pair[place] }))
    assert.equal(await write(driver, table, rows), [])
  }
  const stored = await Promise.all(all.map((_, id) => client.hget(`${table.name}:${id}`, 'hits')))
  assert.equal(
    stored,
    all.map(([a, b]) => addExactly(a, b)),
  )
})

test('a row that cannot be combined leaves its key as it was', async () => {
  const table = scene.table(COLUMNS, { action: 'update', keys: ['id'], set: SET })
  for (const hits of ['many', '1e5', '1.', ' 1', '9'.repeat(1101)]) {
    const there = { hits, last: '1', name: 'old' }
    await client.hset(`${table.name}:1`, there)
    await client.set(`${table.name}:2`, 'not a hash')
    const failures = await write(scene.driver(), table, [
      { id: 1, hits: 1, last: 2, name: 'new' },
      { id: 2, hits: 1 },
      { id: 3, hits: 1e21 },
      { id: 4, last: Number.NaN },
    ])
    const codes = failures.map(({ index, error }) => [index, error instanceof EncodeError])
    assert.equal(codes.sort(), [
      [0, false],
      [1, false],
      [3, true],
    ])
    assert.equal(await client.hgetall(`${table.name}:1`), there)
  }
})

test('times to live, NULL, and columns that are kept', async () => {
  const driver = scene.driver(hash({ ttl: 60_000 }))
  const table = scene.table(COLUMNS, { action: 'update', keys: ['id'], set: SET })
  await write(driver, table, [{ id: 1, hits: null, last: 5, first: 5, created: 'then', name: 'old' }])
  await client.persist(`${table.name}:1`)
  await write(driver, table, [{ id: 1, hits: 2, last: 4, first: null, created: 'now', name: null }])
  assert.equal(await client.hgetall(`${table.name}:1`), { id: '1', hits: '2', last: '5', first: '5', created: 'then' })
  assert.ok((await client.pttl(`${table.name}:1`)) > 50_000)
})

test('more columns than fit the stack of a script', async () => {
  const columns = Array.from({ length: 9000 }, (_, i) => `c${i}`)
  const set = Object.fromEntries(columns.map((column) => [column, 'add'] as const))
  const table = scene.table(['id', ...columns], { action: 'update', keys: ['id'], set })
  const row = Object.fromEntries(columns.map((column, i) => [column, i]))
  for (let times = 0; times < 2; times++) assert.equal(await write(scene.driver(), table, [{ id: 1, ...row }]), [])
  assert.is(await client.hget(`${table.name}:1`, 'c8999'), '17998')
})

test.run()
