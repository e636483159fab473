import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import Sqlite from 'libsql'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { redisExecutor } from '../../src/drivers/redis/index.ts'
import { sqliteExecutor } from '../../src/drivers/sqlite/index.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { RedisServer } from '../support/servers/redis-server.ts'
import { servers } from '../support/servers/servers.ts'

/** A database that is up and takes no batch, with the table `events (n)`. */
export interface Trouble {
  readonly executor: Executor
  begin(): Promise<void>
  mend(): Promise<void>
  /** Each `n` that is there. */
  stored(): Promise<number[]>
  close(): Promise<void>
}

/** By name, with the reason it is told by. */
export interface Troubles {
  readonly reason: string
  /** `undefined`: no file system may be mounted here. */
  open(): Promise<Trouble | undefined>
}

interface SmallDisk {
  readonly folder: string
  fill(): void
  empty(): void
  remove(): void
}

/** A file system of its own, small enough to be filled. `undefined` where none may be mounted. */
function smallDisk(megabytes: number): SmallDisk | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=777`, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    rmSync(folder, { recursive: true })
    console.log('SKIPPED a full disk: run as root where tmpfs may be mounted')
    return undefined
  }
  for (const user of ['postgres', 'nobody']) if (spawnSync('chown', [user, folder]).status === 0) break
  return {
    folder,
    fill: () => void spawnSync('dd', ['if=/dev/zero', `of=${join(folder, 'filler')}`, 'bs=4k']),
    empty: () => rmSync(join(folder, 'filler')),
    remove: () => {
      execFileSync('umount', ['-l', folder])
      rmSync(folder, { recursive: true })
    },
  }
}

interface Sides {
  begin(ask: Ask): Promise<unknown>
  mend(ask: Ask): Promise<unknown>
}

type Ask = (sql: string) => Promise<unknown[][]>

const WRITER = 'batchflow_writer'

async function postgres(sides: Sides, settings: Record<string, string> = {}, place = ''): Promise<Trouble | undefined> {
  const server = (await servers.embeddedPostgres(settings))!
  const admin = new pg.Client({ connectionString: server.url })
  admin.on('error', () => undefined)
  await admin.connect()
  const ask: Ask = async (sql) => (await admin.query({ text: sql, rowMode: 'array' })).rows as unknown[][]
  await ask(`CREATE ROLE ${WRITER} LOGIN PASSWORD 'old'`)
  if (place !== '') await ask(`CREATE TABLESPACE small LOCATION '${place}'`)
  await ask(`CREATE TABLE events (n int) ${place === '' ? '' : 'TABLESPACE small'}`)
  await ask(`GRANT ALL ON events TO ${WRITER}`)
  const url = new URL(server.url)
  url.username = WRITER
  url.password = 'old'
  const pool = new pg.Pool({ connectionString: url.href })
  return {
    executor: postgresExecutor(pool),
    begin: async () => void (await sides.begin(ask)),
    mend: async () => void (await sides.mend(ask)),
    stored: async () => (await ask('SELECT n FROM events')).map(([n]) => Number(n)),
    close: async () => {
      await pool.end()
      await admin.end()
      await server.remove()
    },
  }
}

const endSessions = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${WRITER}'`

async function mysql(sides: Sides, place = ''): Promise<Trouble | undefined> {
  const server = (await servers.privateMysql())!
  const admin = createPool({ uri: server.url, connectionLimit: 1, rowsAsArray: true })
  const ask: Ask = async (sql) => (await admin.query(sql))[0] as unknown[][]
  await ask(`CREATE USER ${WRITER} IDENTIFIED BY 'old'`)
  await ask(`GRANT ALL ON test.* TO ${WRITER}`)
  await ask(`CREATE TABLE events (n int)${place === '' ? '' : ` DATA DIRECTORY = '${place}'`}`)
  const url = new URL(server.url)
  url.username = WRITER
  url.password = 'old'
  const pool = createPool({ uri: url.href })
  return {
    executor: mysqlExecutor(pool),
    begin: async () => void (await sides.begin(ask)),
    mend: async () => void (await sides.mend(ask)),
    stored: async () => (await ask('SELECT n FROM events')).map(([n]) => Number(n)),
    close: async () => {
      await pool.end().catch(() => undefined)
      await admin.end()
      await server.remove()
    },
  }
}

async function killWriters(ask: Ask): Promise<void> {
  const sessions = await ask(`SELECT id FROM information_schema.processlist WHERE user = '${WRITER}'`)
  for (const [id] of sessions) await ask(`KILL ${Number(id)}`).catch(() => undefined)
}

async function redis(begin: string[][], mend: string[][]): Promise<Trouble | undefined> {
  const server = await RedisServer.open()
  const admin = new Redis(server.url)
  const client = new Redis(server.url)
  client.on('error', () => undefined)
  const call = async (commands: string[][]) => {
    for (const [command, ...args] of commands) await admin.call(command!, ...args)
  }
  return {
    executor: redisExecutor(client),
    begin: () => call(begin),
    mend: () => call(mend),
    stored: async () => (await admin.xrange('events', '-', '+')).map(([, fields]) => Number(fields[1])),
    close: async () => {
      client.disconnect()
      admin.disconnect()
      await server.close()
    },
  }
}

async function sqlite({ folder, fill, empty }: SmallDisk): Promise<Trouble> {
  const database = new Sqlite(join(folder, 'db'))
  database.exec('CREATE TABLE events (n int)')
  return {
    executor: sqliteExecutor(database),
    begin: async () => fill(),
    mend: async () => empty(),
    stored: async () => (database.prepare('SELECT n FROM events').all() as { n: number }[]).map(({ n }) => n),
    close: async () => void database.close(),
  }
}

async function onSmallDisk(open: (disk: SmallDisk) => Promise<Trouble | undefined>): Promise<Trouble | undefined> {
  const disk = smallDisk(8)
  if (disk === undefined) return undefined
  const trouble = await open(disk)
  if (trouble === undefined) disk.remove()
  return (
    trouble && {
      ...trouble,
      close: async () => {
        await trouble.close()
        disk.remove()
      },
    }
  )
}

/** Takes every connection that is to be had. */
class Hogs {
  readonly #held: { end(): Promise<void> }[] = []

  async take(connect: () => Promise<{ end(): Promise<void> }>): Promise<void> {
    try {
      for (;;) this.#held.push(await connect())
    } catch {}
  }

  async letGo(): Promise<void> {
    await Promise.all(this.#held.splice(0).map((held) => held.end().catch(() => undefined)))
  }
}

async function crowdedPostgres(): Promise<Trouble | undefined> {
  const hogs = new Hogs()
  const connect = (ask: Ask) => async () => {
    const [[port]] = (await ask('SHOW port')) as [[string]]
    const client = new pg.Client({
      host: '127.0.0.1',
      port: Number(port),
      user: WRITER,
      password: 'old',
      database: 'postgres',
    })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }
  const begin = async (ask: Ask) => {
    await ask(endSessions)
    await hogs.take(connect(ask))
  }
  return postgres(
    { begin, mend: () => hogs.letGo() },
    { max_connections: '8', superuser_reserved_connections: '2', max_wal_senders: '0' },
  )
}

const password = (secret: string) => `ALTER ROLE ${WRITER} PASSWORD '${secret}'`
const mysqlPassword = (secret: string) => `ALTER USER ${WRITER} IDENTIFIED BY '${secret}'`

export const troubles: Readonly<Record<string, Troubles>> = {
  'PostgreSQL, a password that is not valid any more': {
    reason: 'permission',
    open: () =>
      postgres({
        begin: (ask) => ask(password('new')).then(() => ask(endSessions)),
        mend: (ask) => ask(password('old')),
      }),
  },
  'PostgreSQL, every connection taken': { reason: 'connection', open: crowdedPostgres },
  'PostgreSQL, read-only': {
    reason: 'read_only',
    open: () =>
      postgres({
        begin: (ask) =>
          ask('ALTER SYSTEM SET default_transaction_read_only = on').then(() => ask('SELECT pg_reload_conf()')),
        mend: async (ask) => {
          await ask('SET default_transaction_read_only = off')
          await ask('ALTER SYSTEM RESET default_transaction_read_only')
          await ask('SELECT pg_reload_conf()')
        },
      }),
  },
  'PostgreSQL, a full disk': {
    reason: 'out_of_space',
    open: () =>
      onSmallDisk(({ folder, fill, empty }) =>
        postgres({ begin: async () => fill(), mend: async () => empty() }, {}, folder),
      ),
  },
  'MySQL, a password that is not valid any more': {
    reason: 'permission',
    open: () =>
      mysql({
        begin: (ask) => ask(mysqlPassword('new')).then(() => killWriters(ask)),
        mend: (ask) => ask(mysqlPassword('old')),
      }),
  },
  'MySQL, read-only': {
    reason: 'read_only',
    open: () =>
      mysql({ begin: (ask) => ask('SET GLOBAL read_only = 1'), mend: (ask) => ask('SET GLOBAL read_only = 0') }),
  },
  'MySQL, every connection taken': {
    reason: 'connection',
    open: () =>
      mysql({
        begin: (ask) =>
          ask(`ALTER USER ${WRITER} WITH MAX_USER_CONNECTIONS 1`)
            .then(() => killWriters(ask))
            .then(() => holdOne(ask)),
        mend: (ask) => ask(`ALTER USER ${WRITER} WITH MAX_USER_CONNECTIONS 0`).then(() => killWriters(ask)),
      }),
  },
  'MySQL, a full disk': {
    reason: 'out_of_space',
    open: () =>
      onSmallDisk(({ folder, fill, empty }) => mysql({ begin: async () => fill(), mend: async () => empty() }, folder)),
  },
  'Redis, out of memory': {
    reason: 'out_of_space',
    open: () => redis([['CONFIG', 'SET', 'maxmemory', '1']], [['CONFIG', 'SET', 'maxmemory', '0']]),
  },
  'Redis, a replica after a failover': {
    reason: 'read_only',
    open: () => redis([['REPLICAOF', '127.0.0.1', '1']], [['REPLICAOF', 'NO', 'ONE']]),
  },
  'Redis, a password that is not known': {
    reason: 'permission',
    open: () =>
      redis(
        [
          ['CONFIG', 'SET', 'requirepass', 'new'],
          ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'],
        ],
        [['CONFIG', 'SET', 'requirepass', '']],
      ),
  },
  'Redis, every connection taken': {
    reason: 'connection',
    open: () =>
      redis(
        [
          ['CONFIG', 'SET', 'maxclients', '1'],
          ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'],
        ],
        [['CONFIG', 'SET', 'maxclients', '100']],
      ),
  },
  'SQLite, a full disk': { reason: 'out_of_space', open: () => onSmallDisk(sqlite) },
}

/** The one session that the user may have; it ends with the others. */
async function holdOne(ask: Ask): Promise<void> {
  const [[port]] = (await ask('SELECT @@port')) as [[number]]
  const pool = createPool({ host: '127.0.0.1', port, user: WRITER, password: 'old', connectionLimit: 1 })
  const connection = await pool.getConnection()
  connection.on('error', () => void pool.end().catch(() => undefined))
}
