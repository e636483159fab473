import { join } from 'node:path'
import { Redis } from 'ioredis'
import Database from 'libsql'
import { createConnection } from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { needed, servers } from '../support/servers/servers.ts'
import { command, folder } from './command.ts'

const check = suite('cli check')
const NAME = `cli_check_${process.pid}`

check('MySQL: a right that a role grants is not said to be missing', async () => {
  const { url, version } = needed(await servers.mysql())
  const admin = await createConnection({ uri: url, multipleStatements: true })
  const { hostname } = new URL(url)
  const user = `${NAME}@'%'`
  await admin.query(`CREATE TABLE ${NAME} (id int PRIMARY KEY, name text);
    CREATE ROLE ${NAME}_role; GRANT INSERT, SELECT ON ${NAME} TO ${NAME}_role;
    CREATE USER ${user} IDENTIFIED BY 'secret'; GRANT ${NAME}_role TO ${user}; GRANT SELECT ON ${NAME} TO ${user};
    SET DEFAULT ROLE ${NAME}_role ${/MariaDB/.test(version) ? 'FOR' : 'TO'} ${user}`)
  try {
    const to = new URL(url)
    Object.assign(to, { hostname, username: NAME, password: 'secret' })
    const { code, stdout } = await command(['check', '--to', to.href, '-t', NAME])
    assert.match(stdout, /^\? {3}whether there is the right to INSERT could not be told$|^ok {2}the right to INSERT$/m)
    assert.match(stdout, 'ok  the right to SELECT')
    assert.match(stdout, 'ok  a batch without rows goes through')
    assert.not.match(stdout, 'BAD')
    assert.is(code, 0)
  } finally {
    await admin.query(`DROP USER ${user}; DROP ROLE ${NAME}_role; DROP TABLE ${NAME}`)
    await admin.end()
  }
})

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

check('Redis: rights to the keys of the table', async () => {
  const { url } = needed(await servers.redis())
  const admin = new Redis(url)
  await admin.call('ACL', 'SETUSER', NAME, 'on', '>secret', `~${NAME}:*`, '+@all', '-xadd')
  try {
    const to = new URL(url)
    Object.assign(to, { username: NAME, password: 'secret' })
    const hashes = await command(['check', '--to', to.href, '-t', NAME, '--on-conflict', 'update:id'])
    assert.match(hashes.stdout, `ok  the right to HSET ${NAME}:1`)
    assert.is(hashes.code, 0, hashes.stdout)
    const stream = await command(['check', '--to', to.href, '-t', NAME])
    assert.match(stream.stdout, `BAD the right to XADD ${NAME} is missing`)
    assert.is(stream.code, 1)
  } finally {
    await admin.call('ACL', 'DELUSER', NAME)
    await admin.quit()
  }
})

check.run()
