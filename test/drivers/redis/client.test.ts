import { Cluster, Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis-5'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RedisClient } from '../../../src/drivers/redis/client.ts'
import { redisExecutor } from '../../../src/drivers/redis/index.ts'
import { OptionError } from '../../../src/support/batchflow-error.ts'
import { rejectsWith } from '../../support/assertions.ts'
import { unconnected, unconnectedCluster } from '../../support/databases/redis-commands.ts'
import { servers } from '../../support/servers/servers.ts'

const clients = suite('clients of Redis')

clients('ioredis is taken as it is, of either version, and not connected before it is needed', () => {
  const options = { lazyConnect: true }
  for (const client of [new Redis(options), new Redis5(options), new Cluster([], options)]) {
    assert.ok(redisExecutor(client))
    assert.is(client.status, 'wait')
  }
})

clients('what has its shape is one, without a cast', () => {
  assert.ok(redisExecutor(unconnected()))
  assert.ok(redisExecutor(unconnectedCluster()))
})

const nothing = () => undefined
/** As node-redis has it: some names are the same. */
const nodeRedis = {
  isOpen: false,
  isReady: false,
  on: nothing,
  removeListener: nothing,
  connect: nothing,
  sendCommand: nothing,
}
const { sendCommand: _, ...mute } = unconnected()
const { refreshSlotsCache: __, ...lost } = unconnectedCluster()

const strangers: Record<string, unknown> = {
  undefined: undefined,
  null: null,
  '"redis://localhost"': 'redis://localhost',
  'a function': Redis,
  'an object': {},
  'a client of node-redis: make one with ioredis': nodeRedis,
  'a pipeline: give the executor the client it was made with': new Redis({ lazyConnect: true }).pipeline(),
  'one in monitor mode: give the executor a connection of its own, client.duplicate()': new Redis({
    lazyConnect: true,
    monitor: true,
  }),
}

for (const [shown, client] of Object.entries(strangers)) {
  clients(`refused: ${shown}`, async () => {
    const message = `redisExecutor: client must be an ioredis Redis or Cluster, received ${shown}`
    await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => redisExecutor(client as RedisClient))
  })
}

const subscribers: Record<string, (url: string) => Redis | Redis5> = {
  'ioredis 5': (url) => new Redis5(url),
  'ioredis 6, RESP2': (url) => new Redis(url, { protocol: 2 }),
}

const server = await servers.redis()

for (const [name, connect] of Object.entries(subscribers)) {
  if (server === undefined) break
  clients(`refused: one in subscriber mode, ${name}`, async () => {
    const client = connect(server.url)
    const own = client.duplicate()
    try {
      await client.subscribe('channel')
      const message =
        'redisExecutor: client must be an ioredis Redis or Cluster, ' +
        'received one in subscriber mode: give the executor a connection of its own, client.duplicate()'
      await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => redisExecutor(client))
      assert.ok(redisExecutor(own))
    } finally {
      client.disconnect()
      own.disconnect()
    }
  })
}

clients('refused: what cannot send, and a cluster that cannot learn its slots', () => {
  for (const client of [mute, lost, { ...unconnected(), options: undefined }]) {
    assert.throws(() => redisExecutor(client as never), /must be an ioredis Redis or Cluster, received an object/)
  }
})

clients.run()
