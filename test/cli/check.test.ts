import { join } from 'node:path'
import Database from 'libsql'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { command, folder } from './command.ts'

const check = suite('cli check')

check('SQLite: columns, and the unique index that keys need', async () => {
  const file = join(folder(), 'a.db')
  const database = new Database(file)
  database.exec('CREATE TABLE people (id integer, name text UNIQUE)')
  database.close()
  const good = await command(['check', '--to', file, '-t', 'people', '--on-conflict', 'update:name'])
  assert.is(good.code, 0, good.stdout)
  assert.match(good.stdout, 'id: INTEGER')
  assert.match(good.stdout, 'ok  a unique index over name')
  const bad = await command(['check', '--to', file, '-t', 'people', '--on-conflict', 'update:id'])
  assert.is(bad.code, 1)
  assert.match(bad.stdout, 'BAD there is no unique index over id')
})

check('--deletes asks for keys', async () => {
  const { code, stderr } = await command(['check', '--to', join(folder(), 'a.db'), '-t', 'people', '--deletes'])
  assert.is(code, 2)
  assert.is(stderr, 'error: --deletes needs --on-conflict with keys, as in update:id\n')
})

check.run()
