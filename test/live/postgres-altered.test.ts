import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Scene, tableOf, write } from '../support/databases/postgres.ts'

const scene = await Scene.open({ max: 2 })
const test = suite('a table that is altered while the process runs')
test.after(() => scene.close())

const UPSERT = { action: 'update', keys: ['id'] } as const

for (const prepare of [true, false]) {
  for (const [what, { before, after, value, stored }] of Object.entries({
    'more digits': { before: 'real', after: 'double precision', value: 0.1, stored: 0.1 },
    'larger numbers': { before: 'integer', after: 'bigint', value: 3e9, stored: '3000000000' },
    'numbers of any size': {
      before: 'double precision',
      after: 'numeric',
      value: '0.12345678901234567890',
      stored: '0.12345678901234567890',
    },
    'an array': { before: 'integer', after: 'integer[] USING ARRAY[v]', value: [3], stored: [3] },
    'text that is bytes': {
      before: 'text',
      after: "bytea USING ''::bytea",
      value: Buffer.from('x'),
      stored: Buffer.from('x'),
    },
  })) {
    test(`an upsert stores what the new type holds: ${what}, prepare: ${prepare}`, async () => {
      const name = await scene.table(`id integer PRIMARY KEY, v ${before}`)
      const driver = scene.driver({ prepare })
      const table = tableOf(name, ['id', 'v'], UPSERT)
      await write(driver, table, [{ id: 0 }])
      await write(driver, table, [{ id: 0 }])
      await scene.sql(`ALTER TABLE ${name} ALTER v TYPE ${after}`)
      await write(driver, table, [{ id: 1, v: value }])
      assert.equal(await scene.sql(`SELECT v FROM ${name} WHERE id = 1`), [{ v: stored }])
    })
  }
}

/** Writes one row with COPY, alters the table, and writes another; the name of the last operation. */
async function appended(columns: string, alter: (name: string) => string, options = '') {
  const name = await scene.table(columns)
  const driver = scene.driver()
  const table = tableOf(name, ['id', 'v'])
  assert.is((await write(driver, table, [{ id: 1, v: 'a' }])).name, 'COPY')
  await scene.sql(alter(name) + options)
  const operation = await write(driver, table, [{ id: 2, v: 'b' }]).then(
    (done) => done.name,
    (error: Error) => Reflect.get(error.cause as Error, 'code') as string,
  )
  return { operation, rows: await scene.sql(`SELECT id, v FROM ${name} ORDER BY id`) }
}

for (const type of ['text', 'inet']) {
  test(`a rule that appears is minded, ${type}`, async () => {
    const columns = `id integer, v text, w ${type}`
    const found = await appended(
      columns,
      (name) => `CREATE RULE quiet AS ON INSERT TO ${name} WHERE new.id = 2 DO INSTEAD NOTHING`,
    )
    assert.equal(found, { operation: 'INSERT', rows: [{ id: 1, v: 'a' }] })
  })
}

test('an identity that is always generated from now on refuses values', async () => {
  const { operation, rows } = await appended(
    'id integer NOT NULL, v text',
    (name) => `ALTER TABLE ${name} ALTER id ADD GENERATED ALWAYS AS IDENTITY`,
  )
  assert.equal([operation, rows.length], ['428C9', 1])
})

test('a table in whose place there is a view is written like one', async () => {
  const { operation, rows } = await appended(
    'id integer, v text',
    (name) => `ALTER TABLE ${name} RENAME TO ${name}_old;
      CREATE VIEW ${name} AS SELECT id, v FROM ${name}_old WHERE id < 9`,
  )
  assert.is(operation, 'INSERT')
  assert.is(rows.length, 2)
})

test.run()
