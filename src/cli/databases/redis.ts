import { type RedisConnection, redisExecutor } from 'batchflow-otel/redis'
import { importPackage } from '../packages.ts'
import type { Bookmark, Database, Finding, OpenOptions } from './database.ts'

type Client = RedisConnection & {
  connect(): Promise<void>
  info(section: string): Promise<string>
  hget(key: string, field: string): Promise<string | null>
  hset(key: string, field: string, value: string): Promise<number>
  call(command: string, ...args: string[]): Promise<unknown>
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
    describe: async () => 'any',
    createSql: () => undefined,
    run: async () => {},
    rights: (path, keys) => rights(client, commandOf(path.join('.'), keys)),
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

/** What writes the rows of a table: hashes where it has keys, else a stream. */
function commandOf(table: string, keys: readonly string[]): [command: string, key: string, ...args: string[]] {
  return keys.length > 0 ? ['HSET', `${table}:1`, 'field', 'value'] : ['XADD', table, '*', 'field', 'value']
}

/** `ACL DRYRUN` came with Redis 7, and itself needs a right. */
async function rights(client: Client, [command, key, ...args]: ReturnType<typeof commandOf>): Promise<Finding[]> {
  try {
    const user = String(await client.call('ACL', 'WHOAMI'))
    const ok = (await client.call('ACL', 'DRYRUN', user, command, key, ...args)) === 'OK'
    return [{ ok, text: `the right to ${command} ${key}${ok ? '' : ' is missing'}` }]
  } catch {
    return [{ ok: undefined, text: 'this server does not tell what this user may do' }]
  }
}
