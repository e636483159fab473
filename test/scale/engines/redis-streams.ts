import { Redis } from 'ioredis'
import { redisStreams, redisStreamsPublisher } from '../../../src/sources/redis-streams/index.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { servers } from '../../support/servers/servers.ts'
import type { Engine } from '../engine.ts'

const STREAM = { stream: 'rows', partitions: 8 }

function connect(url: string): Redis {
  const client = new Redis(url, { lazyConnect: true })
  return client.on('error', () => undefined)
}

export const engine: Engine = {
  name: 'redis-streams',
  start: async () => {
    if ((await servers.redisProgram()) === undefined) return undefined
    const server = await RedisServer.open({ appendonly: 'yes', appendfsync: 'always' })
    return {
      config: server.url,
      restart: async () => {
        await server.stop('SIGKILL')
        await server.start()
      },
      close: () => server.close(),
    }
  },
  publisher: async (url) => {
    const client = connect(url)
    return { value: redisStreamsPublisher(client, STREAM), close: () => client.disconnect() }
  },
  source: async (url) => {
    const client = connect(url)
    return { value: redisStreams(client, STREAM), close: () => client.disconnect() }
  },
}
