import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { KnownReason } from '../../../../src/contract/reasons.ts'
import { args, redisExecutor } from '../../../../src/drivers/redis/index.ts'
import { RedisServer } from '../../../support/servers/redis-server.ts'
import type { Backend, Database, Fault, Provoked } from '../backend.ts'
import { tableOf, writeWell } from '../harness.ts'
import type { RedisDatabase } from './redis.ts'

const COLUMNS = { columns: { id: 'integer', name: 'text' }, key: ['id'] } as const
const ROWS = [{ id: 1 }, { id: 2 }]
const nothing = async () => undefined

/** The entries of this table get the adapter they belong to. */
function fault(reason: KnownReason, provoke: (database: RedisDatabase) => Promise<Provoked>): Fault {
  return { reason, provoke: (database: Database) => provoke(database as RedisDatabase) }
}

/** Plain inserts over a client of its own. */
async function over(database: RedisDatabase, client: Redis, end: () => Promise<unknown> = nothing): Promise<Provoked> {
  client.on('error', () => undefined)
  const made = await database.create(COLUMNS)
  return {
    executor: database.executorOn(client),
    table: tableOf(made),
    rows: ROWS,
    end: async () => {
      client.disconnect()
      await end()
    },
  }
}

/** Plain inserts into a server that was brought into some state. */
function on(prepare: (admin: Redis, server: RedisServer) => Promise<unknown>) {
  return async (database: RedisDatabase): Promise<Provoked> => {
    const server = await RedisServer.open()
    const client = new Redis(server.port, '127.0.0.1')
    await prepare(client, server)
    return over(database, client, () => server.close())
  }
}

/** A login to a server that asks for one. */
function as(username: string, password: string) {
  return async (database: RedisDatabase): Promise<Provoked> => {
    const server = await RedisServer.open()
    const admin = new Redis(server.port, '127.0.0.1')
    await admin.acl('SETUSER', 'reader', 'on', '>secret', '~*', '+@all', '-@write', '-@scripting')
    admin.disconnect()
    return over(database, new Redis(server.port, '127.0.0.1', { username, password }), () => server.close())
  }
}

/** A script holds the server up; it ends with the server. */
async function stall(admin: Redis): Promise<void> {
  await admin.config('SET', 'busy-reply-threshold', '1')
  const other = admin.duplicate({ retryStrategy: () => null })
  other.on('error', () => undefined)
  other.eval('while true do end', 0).catch(() => other.disconnect())
  await sleep(100)
}

/** The snapshots it is told to make have nowhere to go. */
async function loseFolder(admin: Redis, server: RedisServer): Promise<void> {
  await admin.config('SET', 'save', '3600 1')
  await rm(server.folder, { recursive: true })
  await admin.bgsave()
  while (/rdb_bgsave_in_progress:1/.test(await admin.info('persistence'))) await sleep(10)
}

export const redisFaults: Backend['faults'] = {
  'a key that is there': fault('duplicate_key', async (database) => {
    const table = tableOf(await database.create(COLUMNS))
    await writeWell(database.executor, table, ROWS)
    return { executor: database.executor, table, rows: ROWS, end: nothing }
  }),
  'a key that holds something else': fault('constraint', async (database) => {
    const made = await database.create(COLUMNS)
    for (const { id } of ROWS) await database.client.set(`${made.name}:${id}`, 'a string')
    const table = tableOf(made, { action: 'update', keys: ['id'] })
    return { executor: database.executor, table, rows: ROWS, end: nothing }
  }),
  'a word where a number belongs': fault('invalid_data', async (database) => {
    const made = await database.create({ columns: { cmd: 'text', key: 'text', value: 'text' } })
    const executor = redisExecutor(database.client, { commands: args() })
    const rows = [{ cmd: 'INCRBY', key: `${made.name}:n`, value: 'x' }]
    return { executor, table: tableOf(made), rows, end: nothing }
  }),
  'a script that does not end': fault('timeout', on(stall)),
  'a server that is down': fault('connection', (database) => over(database, new Redis(1, '127.0.0.1'))),
  'a snapshot that failed': fault('io', on(loseFolder)),
  'no memory left': fault(
    'out_of_space',
    on((admin) => admin.config('SET', 'maxmemory', '1')),
  ),
  'a command that is not there': fault('syntax', async (database) => {
    const made = await database.create({ columns: { cmd: 'text', key: 'text' } })
    const executor = redisExecutor(database.client, { commands: args() })
    return { executor, table: tableOf(made), rows: [{ cmd: 'NOWHERE', key: 'k' }], end: nothing }
  }),
  'a right that is missing': fault('permission', as('reader', 'secret')),
  'a wrong password': fault('permission', as('reader', 'wrong')),
  'a replica': fault(
    'read_only',
    on((admin) => admin.replicaof('127.0.0.1', 1)),
  ),
  'a client that only listens': fault('non_retryable', async (database) => {
    const server = await RedisServer.open()
    const client = new Redis(server.port, '127.0.0.1', { protocol: 2 })
    const provoked = await over(database, client, () => server.close())
    await client.subscribe('channel') // once the executor has taken it
    return provoked
  }),
  'an error nobody knows': fault('unknown', async (database) => {
    const made = await database.create(COLUMNS)
    const commands = () => ['EVAL', "return redis.error_reply('ODD thing')", 1, made.name] as const
    return { executor: redisExecutor(database.client, { commands }), table: tableOf(made), rows: ROWS, end: nothing }
  }),
}
