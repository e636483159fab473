import { redisStreams, redisStreamsPublisher } from 'batchflow-otel/redis-streams'
import { Redis } from 'ioredis'
import { RedisServer } from '../../../test/support/servers/redis-server.ts'
import { LEASE, type Log } from '../log.ts'

type Entries = [id: string, fields: string[]][]

export const log: Log = {
  name: 'redis',
  start: async () => {
    // A log that is rewritten while it is measured would cost the server CPU at random.
    const server = await RedisServer.open({ appendonly: 'yes', 'auto-aof-rewrite-percentage': '0' })
    return { config: server.url, pid: server.pid, close: () => server.close() }
  },
  publisher: async (url, stream) => {
    const client = new Redis(url)
    return { value: redisStreamsPublisher(client, { stream }), close: () => client.disconnect() }
  },
  source: async (url, stream) => {
    const client = new Redis(url)
    return { value: redisStreams(client, { stream, leaseTime: LEASE }), close: () => client.disconnect() }
  },
  sender: async (url, stream) => {
    const client = new Redis(url)
    const value = (bodies: readonly string[]) =>
      Promise.all(bodies.map((body) => client.xadd(stream, '*', 'body', body)))
    return { value, close: () => client.disconnect() }
  },
  async *fetches(url, stream, size) {
    const client = new Redis(url)
    await client.xgroup('CREATE', stream, 'by-hand', '0', 'MKSTREAM')
    for (;;) {
      const group = ['GROUP', 'by-hand', 'one'] as const
      const answer = await client.xreadgroup(...group, 'COUNT', size, 'BLOCK', 1000, 'STREAMS', stream, '>')
      const [[, entries]] = (answer ?? [['', []]]) as [[string, Entries]]
      yield {
        bodies: entries.map(([, fields]) => fields[1]!),
        ack: (from, to) => client.xack(stream, 'by-hand', ...entries.slice(from, to).map(([id]) => id)),
      }
    }
  },
}
