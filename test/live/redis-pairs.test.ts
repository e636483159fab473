import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis-5'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { args, set } from '../../src/drivers/redis/index.ts'
import { driverOf, RedisScene, write } from '../support/databases/redis.ts'

const test = suite('redis: plain SETs go together')
const scene = await RedisScene.open()
test.after(() => scene.close())

const columns = ['cmd', 'key', 'value']
const majors = { 5: Redis5, 6: Redis }

/** A connection of a user with `rules`. */
async function as(rules: string[], work: (client: Redis) => Promise<void>, Client: unknown = Redis): Promise<void> {
  const user = scene.name()
  await scene.client.call('ACL', 'SETUSER', user, 'on', '>secret', ...rules)
  const url = new URL(scene.url)
  url.username = user
  url.password = 'secret'
  const client = new (Client as typeof Redis)(url.href)
  try {
    await work(client)
  } finally {
    client.disconnect()
    await scene.client.call('ACL', 'DELUSER', user)
  }
}

for (const [version, Client] of Object.entries(majors)) {
  test(`ioredis ${version}: a key that is not allowed fails alone`, () => {
    const name = scene.name()
    return as(
      ['+@all', `~${name}:ok*`],
      async (client) => {
        const rows = ['ok1', 'no', 'ok2'].map((key) => ({ cmd: 'SET', key: `${name}:${key}`, value: key }))
        const failures = await write(driverOf(client, args()), scene.table(columns), rows)
        assert.equal(
          failures.map(({ index }) => index),
          [1],
        )
        assert.equal(await scene.client.mget(rows.map(({ key }) => key)), ['ok1', null, 'ok2'])
      },
      Client,
    )
  })

  test(`ioredis ${version}: where MSET is not allowed, SET is sent`, () =>
    as(
      ['+@all', '-mset', '~*'],
      async (client) => {
        const table = scene.table(['id', 'value'], { action: 'update', keys: ['id'] })
        const driver = driverOf(client, set({ value: 'value' }))
        for (const value of ['a', 'b']) {
          assert.equal(
            await write(
              driver,
              table,
              [1, 2].map((id) => ({ id, value })),
            ),
            [],
          )
          assert.equal(await scene.client.mget(`${table.name}:1`, `${table.name}:2`), [value, value])
        }
      },
      Client,
    ))
}

test('the order of one key is kept, among other commands and behind a refused MSET', () => {
  const name = scene.name()
  return as(['+@all', `~${name}:ok*`], async (client) => {
    const command = (cmd: string, key: string, value?: string) => ({ cmd, key: `${name}:${key}`, value })
    const rows = [
      command('SET', 'ok', '1'),
      command('SET', 'no', '1'),
      command('INCR', 'ok'),
      command('SET', 'ok2', 'old'),
      command('SET', 'ok2', 'new'),
      command('SET', 'ok', '5'),
    ]
    const failures = await write(driverOf(client, args()), scene.table(columns), rows)
    assert.equal(
      failures.map(({ index }) => index),
      [1],
    )
    assert.equal(await scene.client.mget(`${name}:ok`, `${name}:ok2`), ['5', 'new'])
  })
})

test.run()
