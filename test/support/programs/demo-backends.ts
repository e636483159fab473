import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import { servers } from '../servers/servers.ts'

/** A database the demo can load into. */
export interface DemoBackend {
  readonly url: string
  /** What it is called in the `database` label. */
  readonly database: string
  /** How the summary names it. */
  readonly label: RegExp
  /** Reasons of retries that the rehearsal brings about. */
  readonly retries: string
  /** Removes what the demo has made under this name. */
  clear(schema: string): Promise<void>
}

/** A name of one's own for the demo's tables. */
export function demoSchema(): string {
  return `demo_${randomBytes(6).toString('hex')}`
}

/** All for which there is a server, or that need none. `remove` the files at the end. */
export async function demoBackends(): Promise<{ backends: DemoBackend[]; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-demo-'))
  const found = [await postgres(), await mysql(), await redis(), sqliteFile(folder), sqliteMemory]
  return {
    backends: found.filter((backend) => backend !== undefined),
    remove: () => rmSync(folder, { recursive: true }),
  }
}

async function postgres(): Promise<DemoBackend | undefined> {
  const server = await servers.postgres()
  if (server === undefined) return undefined
  const clear = async (schema: string) => {
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    await client.end()
  }
  return { url: server.url, database: 'postgres', label: /^PostgreSQL \d/, retries: 'processor_timeout', clear }
}

async function mysql(): Promise<DemoBackend | undefined> {
  const server = await servers.mysql()
  if (server === undefined) return undefined
  const clear = async (schema: string) => {
    const connection = await createConnection(server.url)
    await connection.query(`DROP DATABASE IF EXISTS ${schema}`)
    await connection.end()
  }
  return { url: server.url, database: 'mysql', label: /^(MariaDB|MySQL) \d/, retries: 'processor_timeout', clear }
}

async function redis(): Promise<DemoBackend | undefined> {
  const server = await servers.redis()
  if (server === undefined) return undefined
  const clear = async (schema: string) => {
    const client = new Redis(server.url)
    const keys = await client.keys(`${schema}:*`)
    if (keys.length > 0) await client.unlink(keys)
    await client.quit()
  }
  return { url: server.url, database: 'redis', label: /^Redis \d/, retries: 'processor_timeout', clear }
}

function sqliteFile(folder: string): DemoBackend {
  const file = join(folder, 'demo.db')
  const clear = async () => rmSync(file, { force: true })
  return {
    url: `sqlite:${file}`,
    database: 'sqlite',
    label: /^SQLite \d\S+, .*demo\.db$/,
    retries: 'lock_timeout',
    clear,
  }
}

const sqliteMemory: DemoBackend = {
  url: 'sqlite::memory:',
  database: 'sqlite',
  label: /^SQLite \d\S+, in memory$/,
  retries: '',
  clear: async () => {},
}
