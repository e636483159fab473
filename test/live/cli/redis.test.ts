import { Redis } from 'ioredis'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { command } from '../../cli/command.ts'
import { file, killedAndResumed, ROWS, TABLE } from '../../cli/killed.ts'
import { needed, servers } from '../../support/servers/servers.ts'

const test = suite('the command line and Redis')
const { url } = needed(await servers.redis())
const NAME = `cli_check_${process.pid}`

test('check: rights to the keys of the table', async () => {
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

test('load: after it was killed each line is there at least once', async () => {
  const client = new Redis(url)
  try {
    await killedAndResumed(url, () => client.xlen(TABLE))
    const entries = await client.xrange(TABLE, '-', '+')
    assert.is(new Set(entries.map(([, fields]) => fields[fields.indexOf('id') + 1])).size, ROWS)
  } finally {
    await client.del(TABLE)
    await client.hdel('batchflow:positions', file)
    await client.quit()
  }
})

test('a database that the server does not have is no other one', async () => {
  const to = new URL(url)
  to.pathname = '/9999'
  const { code, stderr } = await command(['check', '--to', to.href, '-t', NAME])
  assert.is(code, 3)
  assert.match(stderr, 'DB index is out of range')
})

test.run()
