import { Redis } from 'ioredis'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { redisExecutor } from '../../src/drivers/redis/index.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { FaultProxy } from '../support/servers/fault-proxy.ts'
import { RedisServer } from '../support/servers/redis-server.ts'
import { servers } from '../support/servers/servers.ts'

/** A database of its own, behind a network of its own, with the tables `events (n)` and `counters (id, v)`. */
export interface OutagePlace {
  readonly name: string
  readonly proxy: FaultProxy
  /** Over a client as an application would make it, through the proxy. */
  readonly executor: Executor
  /** Ends the server without a chance to tidy up. */
  crash(): Promise<void>
  /** Starts it again. Resolves when it answers. */
  start(): Promise<void>
  /** What is there, asked around the proxy: how often each `n`, and `v` by `id`. */
  stored(): Promise<{ events: ReadonlyMap<number, number>; counters: ReadonlyMap<number, number> }>
  close(): Promise<void>
}

const PLACES = {
  postgres: [servers.postgresProgram, postgresPlace],
  mysql: [servers.mysqlProgram, mysqlPlace],
  redis: [servers.redisProgram, redisPlace],
} as const

/** Those of `names` that can be had here; the others are said to be left out. */
export async function outagePlaces(
  names = Object.keys(PLACES),
): Promise<readonly (readonly [name: string, open: () => Promise<OutagePlace>])[]> {
  const places: [string, () => Promise<OutagePlace>][] = []
  for (const [name, [program, open]] of Object.entries(PLACES)) {
    if (names.includes(name) && (await program()) !== undefined) places.push([name, open])
  }
  return places
}

async function proxyTo(url: string): Promise<{ proxy: FaultProxy; through: string }> {
  const through = new URL(url)
  const proxy = await FaultProxy.open(through.hostname, Number(through.port))
  through.port = String(proxy.port)
  return { proxy, through: through.href }
}

function counted(values: readonly unknown[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(Number(value), (counts.get(Number(value)) ?? 0) + 1)
  return counts
}

function pairs(rows: readonly (readonly unknown[])[]): ReadonlyMap<number, number> {
  return new Map(rows.map(([id, v]) => [Number(id), Number(v)]))
}

async function postgresPlace(): Promise<OutagePlace> {
  const server = (await servers.embeddedPostgres())!
  const ask = async (sql: string): Promise<unknown[][]> => {
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    const { rows } = await client.query({ text: sql, rowMode: 'array' })
    await client.end()
    return rows
  }
  await ask('CREATE TABLE events (n int)')
  await ask('CREATE TABLE counters (id int PRIMARY KEY, v int)')
  const { proxy, through } = await proxyTo(server.url)
  const pool = new pg.Pool({ connectionString: through })
  return {
    name: 'postgres',
    proxy,
    executor: postgresExecutor(pool),
    crash: () => server.stop('immediate'),
    start: () => server.start(),
    stored: async () => ({
      events: counted((await ask('SELECT n FROM events')).flat()),
      counters: pairs(await ask('SELECT id, v FROM counters')),
    }),
    close: async () => {
      await pool.end()
      await proxy.close()
      await server.remove()
    },
  }
}

async function mysqlPlace(): Promise<OutagePlace> {
  const server = (await servers.privateMysql())!
  const ask = async (sql: string): Promise<unknown[][]> => {
    const pool = createPool({ uri: server.url, connectionLimit: 1, rowsAsArray: true })
    const [rows] = await pool.query(sql)
    await pool.end()
    return rows as unknown[][]
  }
  await ask('CREATE TABLE events (n int)')
  await ask('CREATE TABLE counters (id int PRIMARY KEY, v int)')
  const { proxy, through } = await proxyTo(server.url)
  const pool = createPool({ uri: through })
  return {
    name: 'mysql',
    proxy,
    executor: mysqlExecutor(pool),
    crash: () => server.crash(),
    start: () => server.start(),
    stored: async () => ({
      events: counted((await ask('SELECT n FROM events')).flat()),
      counters: pairs(await ask('SELECT id, v FROM counters')),
    }),
    close: async () => {
      await pool.end().catch(() => undefined)
      await proxy.close()
      await server.remove()
    },
  }
}

/** One that writes each command to its file before it answers, so that a crash loses nothing. */
async function redisPlace(): Promise<OutagePlace> {
  const server = await RedisServer.open({ appendonly: 'yes', appendfsync: 'always' })
  const { proxy, through } = await proxyTo(server.url)
  const client = new Redis(through, { retryStrategy: (times) => Math.min(times * 50, 500) })
  client.on('error', () => undefined)
  return {
    name: 'redis',
    proxy,
    executor: redisExecutor(client),
    crash: () => server.stop('SIGKILL'),
    start: () => server.start(),
    stored: async () => {
      const direct = new Redis(server.url)
      const entries = await direct.xrange('events', '-', '+')
      const keys = await direct.keys('counters:*')
      const counters = await Promise.all(keys.map((key) => direct.hmget(key, 'id', 'v')))
      direct.disconnect()
      return { events: counted(entries.map(([, fields]) => fields[1])), counters: pairs(counters) }
    },
    close: async () => {
      client.disconnect()
      await proxy.close()
      await server.close()
    },
  }
}
