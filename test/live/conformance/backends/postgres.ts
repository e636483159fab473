import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { Table } from '../../../../src/contract/table.ts'
import { postgresExecutor } from '../../../../src/drivers/postgres/index.ts'
import type { Executor } from '../../../../src/executor/executor.ts'
import { servers } from '../../../support/servers/servers.ts'
import type { AnyRow, Backend, Database, Definition, Hold, PrivateDatabase, TestTable } from '../backend.ts'
import { statementOf } from '../harness.ts'
import { postgresFaults } from './postgres-faults.ts'
import { postgresTypes } from './postgres-types.ts'

const KINDS: Readonly<Record<string, string>> = { integer: 'bigint', text: 'text', long: 'text', bytes: 'bytea' }

/** `bigint` as a number, which is exact for those of the cases. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number) => (oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid)),
}

/** A schema of one's own. */
export class PostgresDatabase implements Database {
  readonly url: string
  readonly pool: pg.Pool
  readonly executor: Executor
  readonly #schema = `conformance_${randomBytes(6).toString('hex')}`
  #tables = 0

  constructor(url: string) {
    this.url = url
    this.pool = this.connect({ max: 10 })
    this.executor = postgresExecutor(this.pool)
  }

  /** Another pool, for the caller to end. */
  connect(config: pg.PoolConfig = {}): pg.Pool {
    const pool = new pg.Pool({ connectionString: this.url, types, max: 2, ...config })
    pool.on('error', () => undefined) // servers are crashed and connections killed on purpose
    return pool
  }

  async sql(text: string, values: unknown[] = []): Promise<AnyRow[]> {
    return (await this.pool.query<AnyRow>(text, values)).rows
  }

  async create(definition: Definition): Promise<TestTable> {
    if (this.#tables === 0) await this.sql(`CREATE SCHEMA IF NOT EXISTS ${this.#schema}`)
    const name = `${this.#schema}.${quote(`${definition.prefix ?? 't'}${++this.#tables}`)}`
    await this.sql(`CREATE TABLE ${name} (${columnsOf(definition).join(', ')})`)
    return {
      name,
      columns: Object.keys(definition.columns),
      rows: () => this.sql(`SELECT * FROM ${name} ORDER BY 1`),
      count: async () => Number((await this.sql(`SELECT count(*) AS n FROM ${name}`))[0]?.['n']),
    }
  }

  /** A parameter is the array of a column. */
  async writeOne(table: Table, row: AnyRow): Promise<void> {
    const { text, values } = await statementOf(this.executor, table, row)
    await this.sql(
      text,
      values.map((value) => [value]),
    )
  }

  companions(name: string): Executor {
    const companions = { positions: `${this.#schema}.${name}_p`, tokens: `${this.#schema}.${name}_t` }
    return postgresExecutor(this.pool, { companions })
  }

  async hold({ name }: TestTable): Promise<Hold> {
    const client = new pg.Client({ connectionString: this.url, types })
    client.on('error', () => undefined)
    await client.connect()
    await client.query(`BEGIN; LOCK TABLE ${name} IN SHARE MODE`)
    const waiting = 'SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND relation = $1::regclass'
    return {
      running: async () => (await client.query<{ n: number }>(waiting, [name])).rows[0]!.n,
      release: async () => void (await client.query('ROLLBACK').finally(() => client.end())),
    }
  }

  async close(): Promise<void> {
    await this.sql(`DROP SCHEMA IF EXISTS ${this.#schema} CASCADE`)
    await this.pool.end()
  }
}

function columnsOf({ columns, key, nullableKey, check }: Definition): string[] {
  const names = (key ?? []).map(quote).join(', ')
  return [
    ...Object.entries(columns).map(([column, type]) => `${quote(column)} ${sqlType(type)}`),
    ...(key === undefined ? [] : [`${nullableKey ? 'UNIQUE' : 'PRIMARY KEY'} (${names})`]),
    ...(check === undefined ? [] : [`CHECK (${check})`]),
  ]
}

function sqlType(type: string): string {
  return type.replace(/^\w+/, (word) => KINDS[word] ?? word)
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export const postgres: Backend = {
  name: 'postgres',
  clause: 'ON CONFLICT ({id}) DO UPDATE SET',
  can: {
    actions: ['error', 'ignore', 'update', 'replace'],
    refusesDuplicates: true,
    nullKeys: true,
    checks: true,
    wholeBatches: true,
    cancels: true,
    tables: true,
    mostColumns: 1000,
  },
  types: postgresTypes,
  faults: postgresFaults,
  async open() {
    const server = await servers.postgres()
    return server === undefined ? undefined : new PostgresDatabase(server.url)
  },
  async openPrivate(): Promise<PrivateDatabase | undefined> {
    const server = await servers.embeddedPostgres()
    if (server === undefined) return undefined
    const database = new PostgresDatabase(server.url)
    return Object.assign(database, {
      crash: () => server.stop('immediate'),
      start: () => server.start(),
      close: () => database.pool.end().then(() => server.remove()),
    })
  },
}
