import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type ColumnUpdates,
  columnOf,
  defineTable,
  inColumns,
  isIdempotent,
  type OnConflict,
  type Table,
  type TableOptions,
} from '../../src/contract/table.ts'
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

test('an update may say what becomes of each column', () => {
  const columns = { id: 'id', name: 'user_name', email: 'hits' }
  const table = (set: ColumnUpdates<User>, newer?: 'email') =>
    defineTable<User>('u', { columns, onConflict: { action: 'update', keys: ['id'], set, ...(newer && { newer }) } })
  const users = table({ name: 'max', email: 'add' })
  assert.equal(users.set, ['name', 'email'])
  assert.equal(
    [...users.combine!],
    [
      ['name', 'max'],
      ['email', 'add'],
    ],
  )
  assert.equal(
    [...inColumns(users as Table).combine!],
    [
      ['user_name', 'max'],
      ['hits', 'add'],
    ],
  )
  const kept = table({ name: 'replace', email: 'keep' })
  assert.equal([kept.set, kept.combine], [['name'], undefined])
  assert.is(kept.id, table({ name: 'replace' }).id)
  assert.equal(table({ name: 'add' }, 'email').set, ['name', 'email'])
  const ids = [{ name: 'replace' }, { name: 'add' }, { name: 'max' }, { name: 'min' }, { name: 'keep' }] as const
  assert.is(new Set(ids.map((set) => table(set).id)).size, 5)
})

test('absent properties may take defaults, all of them or some', () => {
  const columns = { id: 'id', name: 'user_name', email: 'email' }
  const table = (absent?: TableOptions<User>['absent'], onConflict?: OnConflict<User>) =>
    defineTable<User>('u', { columns, ...(absent && { absent }), ...(onConflict && { onConflict }) })
  assert.equal(table().defaults, [])
  assert.is(table('null').id, table().id)
  assert.equal(table('default').defaults, ['id', 'name', 'email'])
  assert.equal(table({ name: 'default', id: 'null' }).defaults, ['name'])
  assert.equal(inColumns(table({ name: 'default' }) as Table).defaults, ['user_name'])
  assert.equal(table('default', { action: 'replace', keys: ['id'], newer: 'email' }).defaults, ['id', 'name'])
  assert.is(new Set([table(), table('default'), table({ name: 'default' })].map(({ id }) => id)).size, 3)
})

test("a clause of one's own, in pieces", () => {
  const columns = { id: 'id', name: 'user_name', email: 'hits' }
  const table = (sql: string) =>
    defineTable<User>('u', { columns, onConflict: { action: 'sql', keys: ['id'], sql } }) as Table
  const { action, keys, set, sql, id } = table('ON CONFLICT ({id}) DO UPDATE SET {email} = {old.email} + {new.email}')
  assert.equal([action, keys, set], ['sql', ['id'], []])
  const names = [
    { is: 'column', property: 'id' },
    { is: 'column', property: 'email' },
    { is: 'old', property: 'email' },
    { is: 'new', property: 'email' },
  ]
  assert.equal(sql, ['ON CONFLICT (', names[0], ') DO UPDATE SET ', names[1], ' = ', names[2], ' + ', names[3]])
  assert.ok(Object.isFrozen(sql))
  assert.equal(inColumns(table('{table}.{name}')).sql, [{ is: 'table' }, '.', { is: 'column', property: 'user_name' }])
  assert.is(table("'{{}}'").sql!.join(''), "'{}'")
  assert.is.not(table('ON CONFLICT DO NOTHING').id, id)
  assert.is(isIdempotent(table('ON CONFLICT DO NOTHING')), false)
})

test('names with a dot, and the one that stands for the table', () => {
  const row = defineTable<Record<string, unknown>>('u', {
    columns: ['new.a', 'a', 'table'],
    onConflict: { action: 'sql', keys: ['a'], sql: '{new.a}{new.new.a}{table}{new.table}' },
  })
  assert.equal(row.sql, [
    { is: 'new', property: 'a' },
    { is: 'new', property: 'new.a' },
    { is: 'table' },
    { is: 'new', property: 'table' },
  ])
})

test('what may be written twice', () => {
  const columns: (keyof User)[] = ['id', 'name', 'email']
  const table = (onConflict?: OnConflict<User>) =>
    defineTable<User>('u', { columns, ...(onConflict && { onConflict }) })
  const update = { action: 'update', keys: ['id'] } as const
  for (const [onConflict, expected] of [
    [undefined, false],
    [{ action: 'ignore' }, true],
    [update, true],
    [{ ...update, set: { name: 'max' } }, true],
    [{ ...update, set: { name: 'max', email: 'add' } }, false],
    [{ ...update, set: { name: 'add' }, newer: 'email' }, true],
  ] as const) {
    assert.is(isIdempotent(table(onConflict)), expected)
  }
})

test('properties may have columns of other names', () => {
  const columns = { id: 'user_id', name: 'name', email: 'e_mail' }
  const onConflict = { action: 'update', keys: ['id'], newer: 'email' } as const
  const users = defineTable<User>('u', { columns, onConflict })
  assert.equal(users.columns, ['id', 'name', 'email'])
  assert.equal(users.set, ['name', 'email'])
  assert.equal(
    users.columns.map((property) => columnOf(users, property)),
    ['user_id', 'name', 'e_mail'],
  )
  const { columns: named, keys, set, newer } = inColumns(users as Table)
  assert.equal([named, keys, set, newer], [['user_id', 'name', 'e_mail'], ['user_id'], ['name', 'e_mail'], 'e_mail'])
  const plain = defineTable<User>('u', { columns: ['id', 'name', 'email'], onConflict })
  assert.is(columnOf(plain, 'id'), 'id')
  assert.is.not(plain.id, users.id)
  assert.is(plain.id, defineTable<User>('u', { columns: { id: 'id', name: 'name', email: 'email' }, onConflict }).id)
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

const NAMES = 'of text and {name}, {new.name}, {old.name} of columns, or {table}, with {{ and }} for braces'
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
    'defineTable("u"): columns must be a non-empty array of column names or an object of them by property, received undefined',
  ],
  [
    'an unknown option',
    () => defineTable('u', { columns: ['id'], key: 'id' } as never),
    'defineTable("u"): unknown option "key"; there are columns, onConflict, absent, deletes',
  ],
  [
    'no columns',
    () => defineTable('u', { columns: [] }),
    'defineTable("u"): columns must be a non-empty array of column names or an object of them by property, received an empty array',
  ],
  [
    'names of none',
    () => defineTable('u', { columns: {} }),
    'defineTable("u"): columns must be a non-empty array of column names or an object of them by property, received an object',
  ],
  [
    'a property that has no column',
    () => defineTable<User>('u', { columns: { id: true as never } }),
    'defineTable("u"): columns must contain column names, received true',
  ],
  [
    'two properties of one column',
    () => defineTable<User>('u', { columns: { id: 'id', name: 'id' } }),
    'defineTable("u"): columns names "id" twice',
  ],
  [
    'a key that names the column in place of the property',
    () => defineTable<User>('u', { columns: { id: 'uid' }, onConflict: { action: 'replace', keys: ['uid' as never] } }),
    'defineTable("u"): onConflict.keys must be among columns, received "uid"',
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
    'defineTable("u"): onConflict.action must be one of error, ignore, update, replace, sql, received "upsert"',
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
    'absent properties that are something else',
    () => defineTable<User>('u', { columns: ['id'], absent: 'zero' as never }),
    'defineTable("u"): absent must be one of null, default, received "zero"',
  ],
  [
    'absent properties in a list',
    () => defineTable<User>('u', { columns: ['id'], absent: ['id'] as never }),
    'defineTable("u"): absent must be one of null, default or an object of them by property, received an array',
  ],
  [
    'an absent property that is something else',
    () => defineTable<User>('u', { columns: ['id'], absent: { id: null as never } }),
    'defineTable("u"): absent.id must be one of null, default, received null',
  ],
  [
    'an absent property that is no column',
    () => defineTable<User>('u', { columns: ['id'], absent: { name: 'default' } }),
    'defineTable("u"): absent must be among columns, received "name"',
  ],
  [
    'a version with a default',
    () =>
      defineTable<User>('u', {
        columns: ['id', 'name'],
        onConflict: { action: 'replace', keys: ['id'], newer: 'name' },
        absent: { name: 'default' },
      }),
    'defineTable("u"): absent.name must be null, since newer names it, received "default"',
  ],
  [
    'an update of no column',
    () => defineTable<User>('u', { columns: ['id', 'name'], onConflict: { action: 'update', keys: ['id'], set: {} } }),
    'defineTable("u"): onConflict.set must be a non-empty array of column names, received an object',
  ],
  [
    'an unknown update',
    () =>
      defineTable<User>('u', {
        columns: ['id', 'name'],
        onConflict: { action: 'update', keys: ['id'], set: { name: 'append' as never } },
      }),
    'defineTable("u"): onConflict.set.name must be one of replace, add, max, min, keep, received "append"',
  ],
  [
    'an update of what is no column',
    () =>
      defineTable<User>('u', {
        columns: ['id', 'name'],
        onConflict: { action: 'update', keys: ['id'], set: { email: 'keep' } },
      }),
    'defineTable("u"): onConflict.set must be among columns, received "email"',
  ],
  [
    'a key that is added',
    () =>
      defineTable<User>('u', {
        columns: ['id', 'name'],
        onConflict: { action: 'update', keys: ['id'], set: { id: 'add' } },
      }),
    'defineTable("u"): onConflict.set must not contain the conflict key "id"',
  ],
  [
    'a version that is added',
    () =>
      defineTable<User>('u', {
        columns: ['id', 'name'],
        onConflict: { action: 'update', keys: ['id'], set: { name: 'add' }, newer: 'name' },
      }),
    'defineTable("u"): onConflict.set.name must be replace, since newer names it, received "add"',
  ],
  [
    'a key to be set',
    () =>
      defineTable<User>('u', { columns: ['id', 'name'], onConflict: { action: 'update', keys: ['id'], set: ['id'] } }),
    'defineTable("u"): onConflict.set must not contain the conflict key "id"',
  ],
  ...(
    [
      ['a clause that is none', 7, 'a conflict clause, as ON CONFLICT ({id}) DO UPDATE SET {hits} = {new.hits}', '7'],
      [
        'a clause without anything',
        ' ',
        'a conflict clause, as ON CONFLICT ({id}) DO UPDATE SET {hits} = {new.hits}',
        '" "',
      ],
      ['a name that is no column', 'SET a = {new.hitz}', NAMES, '"{new.hitz}"'],
      ['a column by its name in the database', 'SET {uid} = 1', NAMES, '"{uid}"'],
      ['a row that is neither', 'SET a = {older.id}', NAMES, '"{older.id}"'],
      ['braces without a name', "SET a = '{}'", NAMES, '"{}"'],
      ['a brace', "SET a = '{'", NAMES, '"{"'],
    ] as const
  ).map(([title, sql, wanted, received]): (typeof bad)[number] => [
    title,
    () =>
      defineTable<User>('u', {
        columns: { id: 'uid' },
        onConflict: { action: 'sql', keys: ['id'], sql: sql as string },
      }),
    `defineTable("u"): onConflict.sql must be ${wanted}, received ${received}`,
  ]),
  [
    'a clause without keys',
    () => defineTable<User>('u', { columns: ['id'], onConflict: { action: 'sql', sql: 'ON CONFLICT' } as never }),
    'defineTable("u"): onConflict.keys must be a non-empty array of column names, received undefined',
  ],
]
for (const [title, define, message] of bad) {
  test(`refuses ${title}`, async () => {
    await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, define)
  })
}

test.run()
