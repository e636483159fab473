import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { redisExecutor } from '../../src/drivers/redis/index.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { FaultProxy } from '../support/servers/fault-proxy.ts'
import { servers } from '../support/servers/servers.ts'

/** A database reached through a network that breaks, with two tables of its own: `events (n)` and `counters (id, v)`. */
export interface Place {
  readonly name: string
  readonly proxy: FaultProxy
  /** Over clients that go through the proxy. */
  readonly executor: Executor
  readonly events: string
  readonly counters: string
  /** What is there, asked around the proxy: how often each `n`. */
  storedEvents(): Promise<ReadonlyMap<number, number>>
  /** `v` by `id`. */
  storedCounters(): Promise<ReadonlyMap<number, number>>
  close(): Promise<void>
}

export const places: readonly (() => Promise<Place | undefined>)[] = [postgres, mysql, redis]

function counted(values: readonly unknown[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(Number(value), (counts.get(Number(value)) ?? 0) + 1)
  return counts
}

async function postgres(): Promise<Place | undefined> {
  const server = await servers.postgres()
  if (server === undefined) return undefined
  const schema = `faults_${randomBytes(6).toString('hex')}`
  const direct = new pg.Pool({ connectionString: server.url, max: 2 })
  await direct.query(`CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.events (n int);
    CREATE TABLE ${schema}.counters (id int PRIMARY KEY, v int)`)
  const url = new URL(server.url)
  const proxy = await FaultProxy.open(url.hostname, Number(url.port))
  url.hostname = '127.0.0.1'
  url.port = String(proxy.port)
  const pool = new pg.Pool({ connectionString: url.href, max: 4, connectionTimeoutMillis: 500 })
  pool.on('error', () => undefined)
  const column = async (sql: string) => (await direct.query({ text: sql, rowMode: 'array' })).rows as unknown[][]
  return {
    name: 'postgres',
    proxy,
    executor: postgresExecutor(pool),
    events: `${schema}.events`,
    counters: `${schema}.counters`,
    storedEvents: async () => counted((await column(`SELECT n FROM ${schema}.events`)).map(([n]) => n)),
    storedCounters: async () =>
      new Map((await column(`SELECT id, v FROM ${schema}.counters`)).map(([id, v]) => [Number(id), Number(v)])),
    close: async () => {
      await pool.end()
      await proxy.close()
      await direct.query(`DROP SCHEMA ${schema} CASCADE`)
      await direct.end()
    },
  }
}

async function mysql(): Promise<Place | undefined> {
  const server = await servers.mysql()
  if (server === undefined) return undefined
  const prefix = `faults_${randomBytes(6).toString('hex')}`
  const direct = createPool({ uri: server.url, connectionLimit: 2, rowsAsArray: true })
  await direct.query(`CREATE TABLE ${prefix}_events (n int)`)
  await direct.query(`CREATE TABLE ${prefix}_counters (id int PRIMARY KEY, v int)`)
  const url = new URL(server.url)
  const proxy = await FaultProxy.open(url.hostname, Number(url.port))
  url.hostname = '127.0.0.1'
  url.port = String(proxy.port)
  const pool = createPool({ uri: url.href, connectionLimit: 4, connectTimeout: 500 })
  const read = async (sql: string) => (await direct.query(sql))[0] as unknown[][]
  return {
    name: 'mysql',
    proxy,
    executor: mysqlExecutor(pool),
    events: `${prefix}_events`,
    counters: `${prefix}_counters`,
    storedEvents: async () => counted((await read(`SELECT n FROM ${prefix}_events`)).map(([n]) => n)),
    storedCounters: async () =>
      new Map((await read(`SELECT id, v FROM ${prefix}_counters`)).map(([id, v]) => [Number(id), Number(v)])),
    close: async () => {
      await pool.end().catch(() => undefined)
      await proxy.close()
      await direct.query(`DROP TABLE ${prefix}_events, ${prefix}_counters`)
      await direct.end()
    },
  }
}

async function redis(): Promise<Place | undefined> {
  const server = await servers.redis()
  if (server === undefined) return undefined
  const prefix = `faults_${randomBytes(6).toString('hex')}`
  const direct = new Redis(server.url)
  const url = new URL(server.url)
  const proxy = await FaultProxy.open(url.hostname, Number(url.port || 6379))
  const client = new Redis(proxy.port, '127.0.0.1', {
    connectTimeout: 500,
    retryStrategy: (times) => Math.min(times * 20, 200),
  })
  client.on('error', () => undefined)
  return {
    name: 'redis',
    proxy,
    executor: redisExecutor(client),
    events: `${prefix}_events`,
    counters: `${prefix}_counters`,
    storedEvents: async () =>
      counted((await direct.xrange(`${prefix}_events`, '-', '+')).map(([, fields]) => fields[1])),
    storedCounters: async () => {
      const keys = await direct.keys(`${prefix}_counters:*`)
      const values = await Promise.all(keys.map((key) => direct.hmget(key, 'id', 'v')))
      return new Map(values.map(([id, v]) => [Number(id), Number(v)]))
    },
    close: async () => {
      client.disconnect()
      await proxy.close()
      const keys = await direct.keys(`${prefix}*`)
      if (keys.length > 0) await direct.del(...keys)
      direct.disconnect()
    },
  }
}
