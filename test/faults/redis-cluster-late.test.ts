/** As `redis-late`, in a cluster: the rest of an attempt at one node, on a connection that answered then and broke later. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from 'ioredis'
import { Cluster as Cluster5 } from 'ioredis-5'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { redisExecutor } from '../../src/drivers/redis/index.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { FaultProxy } from '../support/servers/fault-proxy.ts'
import { RedisCluster } from '../support/servers/redis-cluster.ts'

const test = suite('redis: attempts that arrive late at a node of a cluster')
const servers = await RedisCluster.open(3)
const proxies = await Promise.all(servers.servers.map(({ port }) => FaultProxy.open('127.0.0.1', port)))
const direct = new Cluster(servers.nodes)
test.after(async () => {
  direct.disconnect()
  await Promise.all(proxies.map((proxy) => proxy.close()))
  await servers.close()
})

const outside = proxies.map(({ port }) => ({ host: '127.0.0.1', port }))
const natMap = Object.fromEntries(servers.nodes.map(({ host, port }, i) => [`${host}:${port}`, outside[i]!]))

const ROWS = 600
const large = 'x'.repeat(64 * 1024)

const clients: Record<string, () => Cluster | Cluster5> = {
  'ioredis 5': () => new Cluster5(outside, { natMap }),
  'ioredis 6': () => new Cluster(outside, { natMap }),
}

for (const [version, connect] of Object.entries(clients)) {
  test(`${version}: its session is ended before anything goes over the next connection to that node`, async () => {
    const counters = defineTable<{ id: number; v: number; large: string }>(`counters ${version}`, {
      columns: ['id', 'v', 'large'],
      onConflict: { action: 'update', keys: ['id'] },
    })
    const client = connect()
    client.on('error', () => undefined)
    const executor = redisExecutor(client).withTimeout(1000).withRetry({ maxAttempts: 8, backoffBase: 500 })
    const flow = new BatchFlow(executor, { flushSize: ROWS, flushBytes: 2 ** 26 })
    const rows = Array.from({ length: ROWS }, (_, id) => ({ id, v: 1, large: '' }))
    await flow.writeMany(counters, rows)
    const node = client.nodes('master')[0]!
    const proxy = proxies.find(({ port }) => port === node.options.port)!
    const socket = node.stream
    const before = socket.bytesRead
    const writing = flow.writeMany(
      counters,
      rows.map((row) => ({ ...row, v: 2, large })),
    )
    while (socket.bytesRead === before) await nextTurn()
    const thaw = proxy.freeze()
    await sleep(1100)
    assert.ok(!socket.destroyed, 'a connection that has answered was cut')
    const values = () => Promise.all(rows.map(({ id }) => direct.hget(`counters ${version}:${id}`, 'v')))
    assert.ok((await values()).includes('1'), 'nothing was held')
    socket.destroy()
    await writing
    await flow.writeMany(
      counters,
      rows.map((row) => ({ ...row, v: 3 })),
    )
    thaw()
    await sleep(200)
    await flow.close()
    client.disconnect()
    assert.equal([...new Set(await values())], ['3'])
  })
}

test.run()
