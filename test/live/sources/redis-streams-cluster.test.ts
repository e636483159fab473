import { Cluster } from 'ioredis'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../../src/contract/table.ts'
import { redisStreams, redisStreamsPublisher } from '../../../src/sources/redis-streams/index.ts'
import { RedisCluster } from '../../support/servers/redis-cluster.ts'
import { eventually, RecordingHost } from './recording-host.ts'

const test = suite('redis streams in a cluster')
const servers = await RedisCluster.open()
const client = new Cluster(servers.nodes)
client.on('error', () => undefined)
test.after(async () => {
  client.disconnect()
  await servers.close()
})

const events = defineTable<{ n: number }>('events', { columns: ['n'] })

for (const stream of ['rows', '{app}rows']) {
  test(`partitions of ${stream} are read on whichever node they are, by two workers`, async () => {
    const settings = { stream, partitions: 8 }
    const hosts = [new RecordingHost().acknowledging(), new RecordingHost().acknowledging()]
    const publisher = redisStreamsPublisher(client, settings)
    for (const host of hosts) {
      host.source = redisStreams(client, { ...settings, leaseTime: 2000 })
      await host.source.start(host, { position: 'source' })
    }
    await Promise.all(Array.from({ length: 500 }, (_, n) => publisher.publish(events, { n })))
    await eventually(() => new Set(hosts.flatMap(({ bodies }) => bodies)).size === 500)
    await eventually(() => hosts.every(({ owned }) => owned.size === 4))
    for (const { source } of hosts) {
      await eventually(async () => [...(await source.lag()).values()].every(({ messages }) => messages === 0))
    }
    const [first] = hosts
    await first!.source.deadLetter('0', first!.delivered[0]!.message, { reason: 'decode', message: 'no' })
    assert.is(await client.xlen(`${stream}:dead`), 1)
    for (const { source } of hosts) await source.stop()
    await publisher.close()
  })
}

test('a key prefix would part keys that belong together, and is refused', () => {
  const prefixed = new Cluster(servers.nodes, { keyPrefix: 'x:', lazyConnect: true })
  assert.throws(() => redisStreams(prefixed, { stream: 'rows' }), /a Cluster without keyPrefix/)
  prefixed.disconnect()
})

test.run()
