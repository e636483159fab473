import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable, type OnConflict } from '../../src/contract/table.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { rejectsWith } from '../support/assertions.ts'

interface User {
  id: number
  name?: string
  email?: string
}

const test = suite('defineTable')

test('keeps what was said and derives the rest', () => {
  const users = defineTable<User>('users', {
    columns: ['id', 'name', 'email'],
    onConflict: { action: 'update', keys: ['id'] },
  })
  assert.is(users.name, 'users')
  assert.equal(users.path, ['users'])
  assert.equal(users.columns, ['id', 'name', 'email'])
  assert.equal(users.keys, ['id'])
  assert.equal(users.set, ['name', 'email'])
  assert.ok(Object.isFrozen(users) && Object.isFrozen(users.columns))
})

test('an update may be limited to some columns; error and ignore overwrite none', () => {
  const columns: (keyof User)[] = ['id', 'name', 'email']
  assert.equal(
    defineTable<User>('u', { columns, onConflict: { action: 'update', keys: ['id'], set: ['email'] } }).set,
    ['email'],
  )
  assert.equal(defineTable<User>('u', { columns }).set, [])
  assert.equal(defineTable<User>('u', { columns, onConflict: { action: 'ignore', keys: ['id'] } }).set, [])
  assert.equal(defineTable<User>('u', { columns, onConflict: { action: 'ignore' } }).keys, [])
})

test('a version is one of the columns that are set, and part of the identity', () => {
  const columns: (keyof User)[] = ['id', 'name', 'email']
  const table = (onConflict: OnConflict<User>) => defineTable<User>('u', { columns, onConflict })
  const replaced = table({ action: 'replace', keys: ['id'], newer: 'email' })
  assert.is(replaced.newer, 'email')
  assert.equal(replaced.set, ['name', 'email'])
  assert.equal(table({ action: 'update', keys: ['id'], set: ['name'], newer: 'email' }).set, ['name', 'email'])
  assert.equal(table({ action: 'update', keys: ['id'], set: ['email'], newer: 'email' }).set, ['email'])
  assert.is(table({ action: 'update', keys: ['id'] }).newer, undefined)
  const ids = [undefined, 'name', 'email'].map(
    (newer) => table({ action: 'update', keys: ['id'], newer } as OnConflict<User>).id,
  )
  assert.is(new Set(ids).size, 3)
})

test('splits schema-qualified and quoted names', () => {
  const path = (name: string) => defineTable<User>(name, { columns: ['id'] }).path
  assert.equal(path('app.users'), ['app', 'users'])
  assert.equal(path('app."odd.na""me"'), ['app', 'odd.na"me'])
  assert.equal(path('"a b".c'), ['a b', 'c'])
})

test('equal definitions have equal ids, others do not', () => {
  const id = (columns: (keyof User)[], keys: (keyof User)[]) =>
    defineTable<User>('u', { columns, onConflict: { action: 'ignore', keys } }).id
  assert.is(id(['id', 'name'], ['id']), id(['id', 'name'], ['id']))
  assert.is.not(id(['id', 'name'], ['id']), id(['id', 'name'], ['name']))
  assert.is.not(id(['id', 'name'], ['id']), id(['name', 'id'], ['id']))
})

const bad: [title: string, define: () => unknown, message: string][] = [
  [
    'no name',
    () => defineTable('', { columns: ['id' as never] }),
    'defineTable: name must be like users, app.users or app."odd.name", received ""',
  ],
  [
    'an unfinished quote',
    () => defineTable('"a', { columns: ['id' as never] }),
    'defineTable: name must be like users, app.users or app."odd.name", received "\\"a"',
  ],
  [
    'an empty part',
    () => defineTable('a..b', { columns: ['id' as never] }),
    'defineTable: name must be like users, app.users or app."odd.name", received "a..b"',
  ],
  [
    'a name that is no string',
    () => defineTable(7 as never, { columns: ['id' as never] }),
    'defineTable: name must be like users, app.users or app."odd.name", received 7',
  ],
  [
    'no options',
    () => defineTable('u', undefined as never),
    'defineTable("u"): columns must be a non-empty array of column names, received undefined',
  ],
  [
    'an unknown option',
    () => defineTable('u', { columns: ['id'], key: 'id' } as never),
    'defineTable("u"): unknown option "key"; there are columns, onConflict',
  ],
  [
    'no columns',
    () => defineTable('u', { columns: [] }),
    'defineTable("u"): columns must be a non-empty array of column names, received an empty array',
  ],
  [
    'a column that is no name',
    () => defineTable('u', { columns: [3 as never] }),
    'defineTable("u"): columns must contain column names, received 3',
  ],
  [
    'a column twice',
    () => defineTable<User>('u', { columns: ['id', 'id'] }),
    'defineTable("u"): columns names "id" twice',
  ],
  [
    'an unknown action',
    () => defineTable<User>('u', { columns: ['id'], onConflict: { action: 'upsert' } as never }),
    'defineTable("u"): onConflict.action must be one of error, ignore, update, replace, received "upsert"',
  ],
  [
    'an update without keys',
    () => defineTable<User>('u', { columns: ['id'], onConflict: { action: 'update' } as never }),
    'defineTable("u"): onConflict.keys must be a non-empty array of column names, received undefined',
  ],
  [
    'a key that is no column',
    () => defineTable<User>('u', { columns: ['id'], onConflict: { action: 'replace', keys: ['name'] } }),
    'defineTable("u"): onConflict.keys must be among columns, received "name"',
  ],
  [
    'a version that is no column',
    () => defineTable<User>('u', { columns: ['id'], onConflict: { action: 'replace', keys: ['id'], newer: 'name' } }),
    'defineTable("u"): onConflict.newer must be among columns, received "name"',
  ],
  [
    'a version that is a key',
    () => defineTable<User>('u', { columns: ['id'], onConflict: { action: 'update', keys: ['id'], newer: 'id' } }),
    'defineTable("u"): onConflict.newer must not be the conflict key "id"',
  ],
  [
    'a version that is no name',
    () =>
      defineTable<User>('u', { columns: ['id'], onConflict: { action: 'update', keys: ['id'], newer: 3 as never } }),
    'defineTable("u"): onConflict.newer must be the name of a column, received 3',
  ],
  [
    'a version where the first row stays',
    () => defineTable<User>('u', { columns: ['id'], onConflict: { action: 'ignore', newer: 'id' } as never }),
    'defineTable("u"): onConflict: unknown option "newer"; there are action, keys',
  ],
  [
    'a key to be set',
    () =>
      defineTable<User>('u', { columns: ['id', 'name'], onConflict: { action: 'update', keys: ['id'], set: ['id'] } }),
    'defineTable("u"): onConflict.set must not contain the conflict key "id"',
  ],
]
for (const [title, define, message] of bad) {
  test(`refuses ${title}`, async () => {
    await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, define)
  })
}

test.run()
