import { hash, redisExecutor, stream } from 'batchflow-otel/redis'
import { Redis } from 'ioredis'
import { type Backend, CUSTOMERS, latest, type Order, orders } from './backend.ts'

const STREAM_LENGTH = 50_000

/**
 * A stream and hashes whose keys begin with `name`. Nothing holds writers up here: Redis could only be paused for all of
 * its users. Nor does it refuse a row: it has no constraints.
 */
export async function redisBackend(url: string, name: string): Promise<Backend> {
  const client = new Redis(url)
  client.on('error', () => {}) // it connects again by itself
  const clicks = `${name}:clicks`
  const session = (customer: number) => `${name}:session:${customer}`
  return {
    executor: redisExecutor(client, {
      commands: {
        clicks: stream<Order>({ key: () => clicks, maxLen: STREAM_LENGTH }),
        sessions: hash<Order>({ key: ({ customer }) => session(customer) }),
      },
    }),
    feeds: [orders('clicks', 1_500), latest('sessions', 1_000)],
    trim: async () => {},
    close: async () => {
      if (client.status !== 'ready') return client.disconnect() // its commands would wait
      await client.del(clicks, ...Array.from({ length: CUSTOMERS }, (_, i) => session(i)))
      await client.quit()
    },
  }
}
