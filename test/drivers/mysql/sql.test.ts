import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable, type OnConflict } from '../../../src/contract/table.ts'
import { dialectOf, strictMode } from '../../../src/drivers/mysql/server.ts'
import { insertSql, insertText } from '../../../src/drivers/mysql/sql.ts'
import { unchangedIn } from '../../../src/drivers/mysql/unchanged.ts'

const texts = suite('statements of MySQL')

interface User {
  id: number
  tenant: number
  name: string
}

function sql(onConflict: OnConflict<User>, dialect: 'values' | 'alias', rows = 1): string {
  const table = defineTable<User>('app.users', { columns: ['id', 'tenant', 'name'], onConflict })
  return insertSql(insertText(table, table.columns, dialect), rows)
}

const KEY = '`app`.`users`.`id`'
const HEAD = 'INSERT INTO `app`.`users` (`id`, `tenant`, `name`) VALUES (?, ?, ?)'

texts('one text for each number of rows', () => {
  assert.is(sql({ action: 'error' }, 'values', 3), `${HEAD}, (?, ?, ?), (?, ?, ?)`)
})

texts('ignore without keys changes nothing about whatever row is met', () => {
  assert.is(sql({ action: 'ignore' }, 'values'), `${HEAD} ON DUPLICATE KEY UPDATE \`id\` = \`app\`.\`users\`.\`id\``)
})

texts('update and replace insist on the row of the same key', () => {
  const guard = (incoming: string) =>
    `\`id\` = IF(${KEY} <=> ${incoming} OR (SELECT 1 UNION ALL SELECT 2), ${KEY}, ${KEY})`
  for (const action of ['update', 'replace'] as const) {
    assert.is(
      sql({ action, keys: ['id'] }, 'values'),
      `${HEAD} ON DUPLICATE KEY UPDATE ${guard('VALUES(`id`)')}, \`tenant\` = VALUES(\`tenant\`), \`name\` = VALUES(\`name\`)`,
    )
  }
  const incoming = '`batchflow new`'
  assert.is(
    sql({ action: 'update', keys: ['id'], set: ['name'] }, 'alias'),
    `${HEAD} AS ${incoming} ON DUPLICATE KEY UPDATE ${guard(`${incoming}.\`id\``)}, \`name\` = ${incoming}.\`name\``,
  )
  assert.match(sql({ action: 'ignore', keys: ['id', 'tenant'] }, 'values'), / AND `app`.`users`.`tenant` <=> VALUES/)
})

texts('with a version each column asks which row is the newer one, and the version is assigned last', () => {
  const incoming = '`batchflow new`.`tenant`'
  const existing = '`app`.`users`.`tenant`'
  const condition = `${incoming} > ${existing} OR (${existing} IS NULL AND ${incoming} IS NOT NULL)`
  const sign = `IF(${existing} IS NULL, 9007199254740991, 9007199254740991)`
  const text = sql({ action: 'replace', keys: ['id'], newer: 'tenant' }, 'alias')
  const assignments = text.slice(text.indexOf(', `name` = '))
  assert.is(
    assignments,
    `, \`name\` = IF(${condition}, \`batchflow new\`.\`name\`, \`app\`.\`users\`.\`name\`)` +
      `, \`tenant\` = IF(${condition}, ${incoming}, IF(LAST_INSERT_ID(${sign}), ${existing}, ${existing}))`,
  )
})

texts('what is not written takes its default by VALUES, as an alias has no such column', () => {
  const onConflict = { action: 'replace', keys: ['id'] } as const
  const columns = ['id', 'tenant', 'name'] as const
  const table = defineTable<User>('app.users', { columns, onConflict, absent: 'default' })
  const { after } = insertText(table, ['id', 'name'], 'alias')
  assert.match(after, ', `tenant` = VALUES(`tenant`), `name` = `batchflow new`.`name`')
})

texts("a clause of one's own, behind what keeps it from a stranger", () => {
  const own = (sql: string) => ({ action: 'sql', keys: ['id'], sql }) as const
  const clause = own('on duplicate key\nupdate {name} = CONCAT({old.name}, {new.name}), seen = {table}.seen + 1')
  const guard = (incoming: string) =>
    `\`id\` = IF(${KEY} <=> ${incoming} OR (SELECT 1 UNION ALL SELECT 2), ${KEY}, ${KEY})`
  const users = '`app`.`users`'
  const rest = (incoming: string) => `, \`name\` = CONCAT(${users}.\`name\`, ${incoming}), seen = ${users}.seen + 1`
  assert.is(sql(clause, 'values'), `${HEAD} ON DUPLICATE KEY UPDATE ${guard('VALUES(`id`)')}${rest('VALUES(`name`)')}`)
  const incoming = '`batchflow new`'
  assert.is(
    sql(clause, 'alias'),
    `${HEAD} AS ${incoming} ON DUPLICATE KEY UPDATE ${guard(`${incoming}.\`id\``)}${rest(`${incoming}.\`name\``)}`,
  )
  for (const text of [
    'ON CONFLICT ({id}) DO NOTHING',
    'ON DUPLICATE KEY UPDATE',
    '/* */ ON DUPLICATE KEY UPDATE a = 1',
  ]) {
    assert.throws(
      () => sql(own(text), 'values'),
      'table "app.users": onConflict.sql must begin with ON DUPLICATE KEY UPDATE here',
    )
  }
})

texts('rows that did not change are told from what a server says of several', () => {
  const said = (affectedRows: number, duplicates: number) => ({
    affectedRows,
    info: `Datensätze: 4  Duplikate: ${duplicates}  Warnungen: 0`,
  })
  assert.is(unchangedIn(said(6, 3), 4), 1) // 1 inserted, 2 updated, 1 found as it was
  assert.is(unchangedIn(said(5, 2), 4), 1) // the same where only changes count
  assert.is(unchangedIn({ affectedRows: 4 }, 4), 0)
  assert.is(unchangedIn(undefined, 4), 0)
})

texts('identifiers are quoted', () => {
  const table = defineTable<Record<string, unknown>>('"a`b"', { columns: ['c`d'] })
  assert.is(insertSql(insertText(table, table.columns, 'values'), 1), 'INSERT INTO `a``b` (`c``d`) VALUES (?)')
})

texts('the dialect follows from what the server calls itself', () => {
  const known = {
    '8.0.19': 'values',
    '8.0.20': 'alias',
    '8.0.36-0ubuntu0.22.04.1': 'alias',
    '8.4.2': 'alias',
    '9.1.0': 'alias',
    '5.7.44-log': 'values',
    '10.11.19-MariaDB-0+deb12u1': 'values',
    '5.5.5-10.6.0-MariaDB': 'values',
    '8.0.11-TiDB-v7.5.0': 'values',
  } as const
  for (const [version, dialect] of Object.entries(known)) assert.is(dialectOf(version), dialect, version)
})

texts('a mode that is not strict, or knows no backslash, is replaced while a batch is written', () => {
  assert.is(strictMode('STRICT_TRANS_TABLES,NO_ZERO_DATE'), undefined)
  assert.is(strictMode('STRICT_ALL_TABLES'), undefined)
  assert.is(strictMode(''), 'STRICT_TRANS_TABLES')
  assert.is(strictMode('ANSI_QUOTES'), 'ANSI_QUOTES,STRICT_TRANS_TABLES')
  assert.is(strictMode('STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES'), 'STRICT_ALL_TABLES,STRICT_TRANS_TABLES')
})

texts.run()
