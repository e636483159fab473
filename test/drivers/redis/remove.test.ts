import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { deletion, isDeletion } from '../../../src/contract/deletion.ts'
import { defineTable, type OnConflict, type Table } from '../../../src/contract/table.ts'
import { RedisDriver } from '../../../src/drivers/redis/driver.ts'
import { args, hash, json, set } from '../../../src/drivers/redis/index.ts'
import type { CommandMapping } from '../../../src/drivers/redis/options.ts'
import type { Pipeline } from '../../../src/drivers/redis/pipeline.ts'
import type { AnyRow } from '../../support/databases/redis.ts'
import { commandsOf, unconnected } from '../../support/databases/redis-commands.ts'

const keys = ['tenant', 'id']
const tableOf = (onConflict: OnConflict<AnyRow>) =>
  defineTable<AnyRow>('t', { columns: ['tenant', 'id', 'a', 'v'], onConflict, deletes: true })
const replaced = tableOf({ action: 'replace', keys })
const newest = tableOf({ action: 'update', keys, newer: 'v' })
const key = { tenant: 'a:b', id: 1 }

function plan(table: Table, commands?: CommandMapping, gone: object = key): Pipeline {
  const driver = new RedisDriver(unconnected(), commands === undefined ? {} : { commands })
  return driver.plan({ table, columns: table.deletes!, deletions: true, rows: [deletion(gone)] })
}

test('a deletion is DEL of the key that the row is kept under', () => {
  for (const mapping of [undefined, hash({ ttl: 500 }), set({ value: 'a' }), json()]) {
    const pipeline = plan(replaced, mapping)
    assert.equal(commandsOf(pipeline), [['del', 't:a%3Ab:1']])
    assert.is(pipeline.name, 'PIPELINE DEL')
  }
  const own = hash<AnyRow>({ key: ({ id, tenant }) => `{${tenant}}${id}` })
  assert.equal(commandsOf(plan(replaced, own)), [['del', '{a:b}1']])
})

test('with a version a script compares it first', () => {
  const [[command, , ...rest] = []] = commandsOf(plan(newest, undefined, { ...key, v: 5 }))
  assert.equal([command, ...rest], ['evalsha', '1', 't:a%3Ab:1', 'v', '5'])
})

test('a key that is made of more than the conflict keys is refused: it would be that of another row', () => {
  assert.throws(
    () => plan(replaced, hash<AnyRow>({ key: ['id', 'a'] })),
    /deletions have no column "a", which the key is made of/,
  )
  const { failures, rows } = plan(replaced, hash<AnyRow>({ key: ({ id, a }) => `${id}:${a}` }))
  assert.equal(rows, [])
  assert.match((failures[0]!.error as Error).message, /made of its conflict keys alone/)
})

test('commands of one’s own see deletions; rows that are commands themselves have none', () => {
  const own: CommandMapping = (row: AnyRow) => (isDeletion(row) ? ['UNLINK', `k${row['id']}`] : [])
  assert.equal(commandsOf(plan(replaced, own)), [['unlink', 'k1']])
  assert.throws(() => plan(replaced, args()), /its mapping has no deletions/)
})

test.run()
