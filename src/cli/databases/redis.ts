import { type RedisConnection, redisExecutor } from 'batchflow-otel/redis'
import { importPackage } from '../packages.ts'
import type { Bookmark, Database, OpenOptions } from './database.ts'

type Client = RedisConnection & {
  readonly options: { readonly db?: number }
  connect(): Promise<void>
  select(index: number): Promise<unknown>
  info(section: string): Promise<string>
  hget(key: string, field: string): Promise<string | null>
  hset(key: string, field: string, value: string): Promise<number>
  on(event: 'error', listener: (error: Error) => void): unknown
  quit(): Promise<unknown>
  disconnect(): void
}

interface Ioredis {
  readonly Redis: new (url: string, options: object) => Client
}

/** A hash that remembers how far each file was read. */
const POSITIONS = 'batchflow:positions'

/** Where a row becomes a hash under its keys, or an entry of a stream named like the table: the driver's own rule. */
export async function openRedis({ url }: OpenOptions): Promise<Database> {
  const { Redis } = await importPackage<Ioredis>('ioredis', 'redis:// needs')
  const client = new Redis(url, { lazyConnect: true, connectTimeout: 10_000 })
  await connect(client)
  const version = /^redis_version:(\S+)/m.exec(await client.info('server'))?.[1]
  return {
    label: `Redis ${version}`,
    executor: redisExecutor(client),
    kindOf: () => 'text',
    createSql: () => undefined,
    run: async () => {},
    bookmark: (name) => bookmark(client, name),
    close: async () => void (await client.quit()),
  }
}

/** Once: afterwards ioredis connects again by itself. What is wrong comes as an event, ahead of a plain "closed". */
async function connect(client: Client): Promise<void> {
  let cause: Error | undefined
  client.on('error', (error) => (cause = error))
  try {
    await client.connect()
    const { db = 0 } = client.options
    if (db !== 0) await client.select(db) // where that fails ioredis stays in database 0, and says nothing
  } catch (error) {
    client.disconnect()
    throw cause ?? error
  }
}

function bookmark(client: Client, name: string): Bookmark {
  return {
    read: async () => (await client.hget(POSITIONS, name)) ?? '',
    write: async (position) => void (await client.hset(POSITIONS, name, position)),
  }
}
