import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Table } from '../../src/contract/table.ts'
import type { RedisDriver } from '../../src/drivers/redis/driver.ts'
import { args, hash, json, set, stream } from '../../src/drivers/redis/index.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { thrownBy } from '../support/assertions.ts'
import { type AnyRow, RedisScene } from '../support/databases/redis.ts'

const test = suite('newest wins on Redis')
const scene = await RedisScene.open()
const { client } = scene
test.after(() => scene.close())

const NEWEST = { action: 'update', keys: ['id'], newer: 'v' } as const
const COLUMNS = ['id', 'v', 'x', 'y']

async function written(driver: RedisDriver, table: Table, rows: readonly AnyRow[]) {
  let superseded = 0
  const { signal } = new AbortController()
  const pipeline = driver.plan({ table, columns: table.columns, rows })
  const failures = await driver.run(pipeline, { signal, superseded: (count) => (superseded += count) })
  return { failures: failures ?? [], superseded }
}

/** Each of them newer than the one before. */
const ASCENDING: readonly unknown[] = [
  null,
  -1e300,
  -(2n ** 64n) - 1n,
  -(2n ** 64n),
  -10,
  -9.5,
  -9,
  '-0.10',
  -1e-7,
  0,
  1e-300,
  1e-7,
  0.1,
  '0.11',
  '00.2',
  9,
  10,
  9007199254740992n,
  9007199254740993n,
  '9007199254740993.5',
  9007199254740994,
  1e21,
  10n ** 21n + 1n,
  '1e22',
  1e300,
  '',
  '+1',
  '1.2.3',
  new Date('2026-01-31T10:00:00.001Z'),
  new Date('2026-01-31T10:00:00.002Z'),
  'A',
  'B',
  'a',
  'ab',
  'é',
]

for (const action of ['update', 'replace'] as const) {
  test(`versions are compared exactly, whatever their size (${action})`, async () => {
    const driver = scene.driver()
    const table = scene.table(COLUMNS, { action, keys: ['id'], newer: 'v' })
    for (const [x, v] of ASCENDING.entries()) {
      assert.equal(await written(driver, table, [{ id: 1, v, x }]), { failures: [], superseded: 0 }, `${v} is newer`)
      for (const older of ASCENDING.slice(0, x + 1)) {
        const late = await written(driver, table, [{ id: 1, v: older, x: 'late' }])
        assert.is(late.superseded, 1, `${older} is not newer than ${v}`)
      }
      assert.is(await client.hget(`${table.name}:1`, 'x'), String(x))
    }
  })
}

test('one number has many texts', async () => {
  const driver = scene.driver()
  const table = scene.table(COLUMNS, NEWEST)
  const SAME = [1000, '1000.0', '1e3', '01000', '10.00E+2', 1000n]
  for (const v of SAME) await written(driver, table, [{ id: 1, v, x: v }])
  assert.is(await client.hget(`${table.name}:1`, 'x'), '1000')
})

test('a row that changes nothing leaves the time to live alone', async () => {
  const driver = scene.driver(hash({ ttl: 60_000 }))
  const table = scene.table(COLUMNS, NEWEST)
  await written(driver, table, [{ id: 1, v: 2 }])
  await client.persist(`${table.name}:1`)
  await written(driver, table, [{ id: 1, v: 1 }])
  assert.is(await client.pttl(`${table.name}:1`), -1)
  await written(driver, table, [{ id: 1, v: 3 }])
  assert.ok((await client.pttl(`${table.name}:1`)) > 50_000)
})

test('NULL takes a field away, replace every other one, and columns outside of set are for new keys', async () => {
  const driver = scene.driver()
  const fields = (table: Table) => client.hgetall(`${table.name}:1`)
  const updated = scene.table(COLUMNS, NEWEST)
  const replaced = scene.table(COLUMNS, { action: 'replace', keys: ['id'], newer: 'v' })
  const limited = scene.table(COLUMNS, { ...NEWEST, set: ['x'] })
  for (const table of [updated, replaced, limited]) {
    await written(driver, table, [{ id: 1, v: 1, x: 1, y: 1 }])
    await client.hset(`${table.name}:1`, 'other', 1)
    await written(driver, table, [{ id: 1, v: 2, x: null, y: 2 }])
  }
  assert.equal(await fields(updated), { id: '1', v: '2', y: '2', other: '1' })
  assert.equal(await fields(replaced), { id: '1', v: '2', y: '2' })
  assert.equal(await fields(limited), { id: '1', v: '2', y: '1', other: '1' })
})

test('a row fails alone: a version that is no number, a key of another kind', async () => {
  const table = scene.table(COLUMNS, NEWEST)
  await client.set(`${table.name}:3`, 'not a hash')
  const rows = [Number.NaN, 1, 1, 1].map((v, i) => ({ id: i + 1, v }))
  const { failures, superseded } = await written(scene.driver(), table, rows)
  assert.equal(
    failures.map(({ index }) => index),
    [0, 2],
  )
  assert.is(superseded, 0)
})

const OTHERS = {
  'set()': set<AnyRow>({ value: 'x' }),
  'json()': json(),
  'stream()': stream(),
  'args()': args(),
  'a function': () => [],
}
for (const [name, mapping] of Object.entries(OTHERS)) {
  test(`${name} is refused`, async () => {
    const table = scene.table(COLUMNS, { action: 'replace', keys: ['id'], newer: 'v' })
    const error = await thrownBy(() =>
      scene.driver(mapping as never).plan({ table, columns: COLUMNS, rows: [{ id: 1 }] }),
    )
    assert.instance(error, OptionError)
  })
}

test.run()
