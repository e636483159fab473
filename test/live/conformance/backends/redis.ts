import { randomBytes } from 'node:crypto'
import { Cluster, Redis } from 'ioredis'
import { isDeletion } from '../../../../src/contract/deletion.ts'
import type { Table } from '../../../../src/contract/table.ts'
import type { RedisClient } from '../../../../src/drivers/redis/client.ts'
import { hash, redisExecutor, stream } from '../../../../src/drivers/redis/index.ts'
import type { CommandMapping } from '../../../../src/drivers/redis/options.ts'
import type { Executor } from '../../../../src/executor/executor.ts'
import { RedisCluster } from '../../../support/servers/redis-cluster.ts'
import { RedisServer } from '../../../support/servers/redis-server.ts'
import { servers } from '../../../support/servers/servers.ts'
import type { AnyRow, Backend, Capabilities, Database, Definition, Hold, TestTable, TypeCase } from '../backend.ts'
import { redisFaults } from './redis-faults.ts'

/** Redis keeps bytes: what they mean, the one who reads them knows. */
const READERS: Readonly<Record<string, (stored: Buffer) => unknown>> = {
  integer: Number,
  boolean: (stored) => String(stored) === 'true',
  bytes: (stored) => stored,
  date: (stored) => new Date(String(stored)),
  json: (stored) => JSON.parse(String(stored)) as unknown,
}

/** Keys that begin with a name of one's own: hashes for tables with a key, a stream for each of the others. */
export class RedisDatabase implements Database {
  readonly client: Redis | Cluster
  readonly #nodes: () => readonly Redis[]
  readonly #commands: Record<string, CommandMapping> = {}
  readonly #prefix = `conformance_${randomBytes(6).toString('hex')}`
  #tables = 0

  constructor(client: Redis | Cluster) {
    this.client = client
    this.client.on('error', () => undefined) // servers are crashed on purpose
    this.#nodes = () => (client instanceof Redis ? [client] : client.nodes('master'))
  }

  /** With the tables there are so far. */
  get executor(): Executor {
    return this.executorOn(this.client)
  }

  executorOn(client: RedisClient): Executor {
    return redisExecutor(client, { commands: this.#commands })
  }

  async create({ columns, key, prefix = 't' }: Definition): Promise<TestTable> {
    const name = `${this.#prefix}."${prefix.replaceAll('"', '""')}${++this.#tables}"`
    this.#commands[name] = key === undefined ? stream() : hash<AnyRow>({ key })
    const rows = key === undefined ? () => this.#entries(name) : () => this.#hashes(name)
    return {
      name,
      columns: Object.keys(columns),
      rows: async () => (await rows()).map((fields) => read(fields, columns)).sort(byFirst(columns)),
      count: async () => (await rows()).length,
    }
  }

  /** An update of whole numbers, or a deletion, as one would write it by hand. */
  async writeOne({ name, set, newer, combine }: Table, row: AnyRow): Promise<void> {
    const key = `${name}:${row['id']}`
    const storedIn = async (field: string) => numberIn(await this.client.hget(key, field))
    if (isDeletion(row)) {
      const isOlder =
        newer !== undefined && (row[newer] as number) < ((await storedIn(newer)) ?? Number.NEGATIVE_INFINITY)
      if (!isOlder) await this.client.del(key)
      return
    }
    if ((await this.client.exists(key)) === 0) {
      const present = Object.entries(row).filter(([, value]) => value !== null && value !== undefined)
      await this.client.hset(key, Object.fromEntries(present) as Record<string, number>)
      return
    }
    if (newer !== undefined && !((row[newer] as number) > ((await storedIn(newer)) ?? Number.NEGATIVE_INFINITY))) return
    for (const column of set) {
      const value = row[column] as number | null | undefined
      const how = combine?.get(column)
      if (value === undefined) continue
      if (value === null) {
        if (how === undefined) await this.client.hdel(key, column)
      } else if (how === 'add') await this.client.hincrby(key, column, value)
      else {
        const stored = how === undefined ? undefined : await storedIn(column)
        if (stored === undefined || (how === 'max' ? value > stored : value < stored)) {
          await this.client.hset(key, column, value)
        }
      }
    }
  }

  async close(): Promise<void> {
    for (const key of await this.#keys(this.#prefix)) await this.client.del(key)
    this.client.disconnect()
  }

  async #hashes(name: string): Promise<Map<string, Buffer>[]> {
    const keys = await this.#keys(`${name}:`)
    const found = await Promise.all(keys.map((key) => this.client.hgetallBuffer(key)))
    return found.map((fields) => new Map(Object.entries(fields)))
  }

  async #entries(name: string): Promise<Map<string, Buffer>[]> {
    const entries = await this.client.xrangeBuffer(name, '-', '+')
    return entries.map(([, parts]) => {
      const names = parts.filter((_, i) => i % 2 === 0).map(String)
      return new Map(names.map((field, i) => [field, parts[2 * i + 1]!]))
    })
  }

  async #keys(start: string): Promise<Buffer[]> {
    const found = new Map<string, Buffer>()
    for (const node of this.#nodes()) {
      const scan = node.scanBufferStream({ match: `${this.#prefix}*`, count: 10_000 })
      for await (const keys of scan) for (const key of keys as Buffer[]) found.set(key.toString('latin1'), key)
    }
    return [...found.values()].filter((key) => String(key).startsWith(start))
  }
}

function numberIn(text: string | null): number | undefined {
  return text === null ? undefined : Number(text)
}

function read(fields: ReadonlyMap<string, Buffer>, columns: Definition['columns']): AnyRow {
  const row: AnyRow = {}
  for (const [column, type] of Object.entries(columns)) {
    const stored = fields.get(column)
    row[column] = stored === undefined ? null : (READERS[type] ?? String)(stored)
  }
  return row
}

function byFirst(columns: Definition['columns']) {
  const [first = ''] = Object.keys(columns)
  return (a: AnyRow, b: AnyRow) => Number(a[first]) - Number(b[first])
}

const types: readonly TypeCase[] = [
  { type: 'boolean', values: [true, false] },
  { type: 'integer', values: [0, -5, { written: '7', read: 7 }, { written: 12n, read: 12 }, 0.1, 1e300] },
  { type: 'text', values: ['', 'ünï 😀', 'a\0b\r\n'], refused: [() => 1, Symbol('x'), new Map()] },
  {
    type: 'bytes',
    values: [Buffer.from([0, 255, 13, 10]), { written: new Uint8Array([1, 2]), read: Buffer.from([1, 2]) }],
  },
  { type: 'date', values: [new Date('2024-02-29T12:00:00.123Z'), new Date(0)], refused: [new Date(Number.NaN)] },
  { type: 'json', values: [{ a: [1, null, 'x'] }, [1, 2]], refused: [{ toJSON: () => undefined }] },
]

const can: Capabilities = {
  actions: ['error', 'ignore', 'update', 'replace'],
  // Of hashes it does refuse them, which test/live/redis-values.test.ts shows; but a key is all that is unique in Redis,
  // and the cases of this capability have a second unique column.
  refusesDuplicates: false,
  nullKeys: false,
  checks: false,
  wholeBatches: false,
  cancels: false,
  tables: false,
  mostColumns: 1000,
}

export const redis: Backend = {
  name: 'redis',
  can,
  types,
  faults: redisFaults,
  async open() {
    const server = await servers.redis()
    return server === undefined ? undefined : new RedisDatabase(new Redis(server.url))
  },
  async openPrivate() {
    if ((await servers.redisProgram()) === undefined) return undefined
    const server = await RedisServer.open({ appendonly: 'yes', appendfsync: 'always' })
    const database = new RedisDatabase(new Redis(server.port, '127.0.0.1'))
    return Object.assign(database, {
      hold: () => pause(server),
      crash: () => server.stop('SIGKILL'),
      start: () => server.start(),
      close: async () => {
        database.client.disconnect()
        await server.close()
      },
    })
  },
}

/** Lets everybody who writes wait. */
async function pause(server: RedisServer): Promise<Hold> {
  const admin = new Redis(server.port, '127.0.0.1', { retryStrategy: () => null })
  admin.on('error', () => undefined)
  await admin.client('PAUSE', 60_000, 'WRITE')
  return {
    running: async () => String(await admin.client('LIST')).match(/flags=\w*b/g)?.length ?? 0,
    release: async () => {
      await admin.client('UNPAUSE').finally(() => admin.disconnect())
    },
  }
}

export const redisCluster: Backend = {
  name: 'redis cluster',
  can,
  types,
  faults: {},
  async open() {
    const nodes = await RedisCluster.open(3)
    const database = new RedisDatabase(new Cluster(nodes.nodes))
    return Object.assign(database, {
      close: async () => {
        database.client.disconnect()
        await nodes.close()
      },
    })
  },
}
