import { Redis } from 'ioredis'
import { redisStreams, redisStreamsPublisher } from '../../../src/sources/redis-streams/index.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { conformance, type SourceScene } from './conformance.ts'
import { mortalClient } from './mortal-redis.ts'

/** A server of its own, so that it can be killed: with an append-only file, whose every write is on disk before it is told. */
const server = await RedisServer.open({ appendonly: 'yes', appendfsync: 'always' })
let count = 0

conformance({
  name: 'redis streams',
  open: async (): Promise<SourceScene> => {
    const client = new Redis(server.url)
    client.on('error', () => undefined)
    const stream = `rows${++count}`
    const settings = { stream, partitions: 4 }
    const options = { ...settings, leaseTime: 2000 }
    return {
      source: () => redisStreams(client, options),
      mortal: () => {
        const mortal = mortalClient(client)
        return { source: redisStreams(mortal.client, options), vanish: mortal.vanish }
      },
      publisher: (more) => redisStreamsPublisher(client, { ...settings, ...more }),
      poison: async (body) => void (await client.xadd(`${stream}:0`, '*', 'body', Buffer.from(body))),
      deadLetters: async () => {
        const entries = await client.xrangeBuffer(`${stream}:dead`, '-', '+')
        return entries.map(([, fields]) => letterOf(fields))
      },
      crash: async () => {
        await server.stop('SIGKILL')
        await server.start()
      },
      connections: async () => Number(/connected_clients:(\d+)/.exec(await client.info('clients'))![1]),
      close: async () => {
        await client.flushall()
        client.disconnect()
      },
    }
  },
})

function letterOf(fields: readonly Buffer[]): { body: Buffer; reason: string; table: string | undefined } {
  const field = (name: string) => fields[fields.findIndex((text, i) => i % 2 === 0 && String(text) === name) + 1]
  return { body: field('body')!, reason: String(field('reason')), table: field('table')?.toString() }
}
