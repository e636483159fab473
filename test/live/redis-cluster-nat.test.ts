import { Cluster } from 'ioredis'
import { Cluster as Cluster5 } from 'ioredis-5'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hash } from '../../src/drivers/redis/index.ts'
import { slotOf } from '../../src/drivers/redis/slot.ts'
import { type AnyRow, driverOf, tableOf, write } from '../support/databases/redis.ts'
import { FaultProxy } from '../support/servers/fault-proxy.ts'
import { RedisCluster } from '../support/servers/redis-cluster.ts'

const test = suite('redis: a cluster behind a natMap')
const servers = await RedisCluster.open(3)
const proxies = await Promise.all(servers.servers.map(({ port }) => FaultProxy.open('127.0.0.1', port)))
test.after(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()))
  await servers.close()
})

const outside = proxies.map(({ port }) => ({ host: '127.0.0.1', port }))
const natMap = Object.fromEntries(servers.nodes.map(({ host, port }, i) => [`${host}:${port}`, outside[i]!]))

const clients: Record<string, () => Cluster | Cluster5> = {
  'ioredis 5, an object': () => new Cluster5(outside, { natMap }),
  'ioredis 6, an object': () => new Cluster(outside, { natMap }),
  'ioredis 6, a function': () => new Cluster(outside, { natMap: (address: string) => natMap[address] ?? null }),
}

const users = tableOf('users', ['id', 'v'], { action: 'update', keys: ['id'] })

function rowsFrom(first: number, count: number): AnyRow[] {
  return Array.from({ length: count }, (_, i) => ({ id: first + i, v: i }))
}

for (const [index, [name, connect]] of Object.entries(clients).entries()) {
  test(`${name}: MOVED and ASK are followed to where the nodes are reached from here`, async () => {
    const client = connect()
    client.on('error', () => undefined)
    const tag = `{nat${index}}`
    const moving = slotOf(Buffer.from(tag), 0, tag.length)
    const from = await servers.ownerOf(moving)
    const to = (from + 1) % 3
    const driver = driverOf(client, hash<AnyRow>({ key: ({ id }) => `${tag}:${id}` }))
    const stored = (node: number) => servers.at(node, async (redis) => (await redis.keys(`${tag}:*`)).length)
    try {
      assert.equal(await write(driver, users, rowsFrom(0, 50)), [])
      await servers.beginMove(moving, from, to)
      assert.equal(await write(driver, users, rowsFrom(40, 50)), [])
      assert.equal([await stored(from), await stored(to)], [50, 40])
      await servers.moveSlot(moving, from, to)
      assert.equal(await write(driver, users, rowsFrom(80, 40)), [])
      assert.equal([await stored(from), await stored(to)], [0, 120])
      const ports = proxies.map(({ port }) => port)
      for (const { options } of client.nodes('all')) assert.ok(ports.includes(options.port!), 'went around the proxies')
    } finally {
      client.disconnect()
    }
  })
}

test.run()
