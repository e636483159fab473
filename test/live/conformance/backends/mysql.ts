import { randomBytes } from 'node:crypto'
import { createPool, type Pool, type PoolOptions } from 'mysql2/promise'
import type { Table } from '../../../../src/contract/table.ts'
import { mysqlExecutor } from '../../../../src/drivers/mysql/index.ts'
import type { Executor } from '../../../../src/executor/executor.ts'
import { servers } from '../../../support/servers/servers.ts'
import type { AnyRow, Backend, Database, Definition, Hold, PrivateDatabase, TestTable } from '../backend.ts'
import { statementOf } from '../harness.ts'
import { mysqlFaults } from './mysql-faults.ts'
import { mysqlTypes } from './mysql-types.ts'

const KINDS: Readonly<Record<string, string>> = {
  integer: 'int',
  text: 'varchar(200)',
  long: 'longtext',
  bytes: 'longblob',
}

/** A database of one's own. */
export class MysqlDatabase implements Database {
  readonly url: string
  readonly schema = `conformance_${randomBytes(6).toString('hex')}`
  readonly pool: Pool
  readonly executor: Executor
  #tables = 0

  constructor(url: string) {
    this.url = url
    this.pool = this.connect({ connectionLimit: 10 })
    this.executor = mysqlExecutor(this.pool)
  }

  /** Another pool, for the caller to end. */
  connect(options: PoolOptions = {}): Pool {
    return createPool({ uri: this.url, timezone: 'Z', supportBigNumbers: true, connectionLimit: 3, ...options })
  }

  async sql(text: string, values: unknown[] = []): Promise<AnyRow[]> {
    return (await this.pool.query(text, values))[0] as AnyRow[]
  }

  async create(definition: Definition): Promise<TestTable> {
    if (this.#tables === 0) await this.sql(`CREATE DATABASE IF NOT EXISTS ${this.schema} COLLATE utf8mb4_bin`)
    const table = `${definition.prefix ?? 't'}${++this.#tables}`
    const name = `${this.schema}.${quote(table)}`
    await this.sql(`CREATE TABLE ${name} (${columnsOf(definition).join(', ')})`)
    return {
      name: `${this.schema}."${table.replaceAll('"', '""')}"`,
      columns: Object.keys(definition.columns),
      rows: async () => (await this.sql(`SELECT * FROM ${name} ORDER BY 1`)).map((row) => ({ ...row })),
      count: async () => Number((await this.sql(`SELECT count(*) AS n FROM ${name}`))[0]?.['n']),
    }
  }

  async writeOne(table: Table, row: AnyRow): Promise<void> {
    const { text, values } = await statementOf(this.executor, table, row)
    await this.sql(text, [...values])
  }

  companions(name: string): Executor {
    const companions = { positions: `${this.schema}.${name}_p`, tokens: `${this.schema}.${name}_t` }
    return mysqlExecutor(this.pool, { companions })
  }

  async hold({ name }: TestTable): Promise<Hold> {
    const pool = this.connect({ connectionLimit: 1 })
    const client = await pool.getConnection()
    client.on('error', () => undefined) // the server may be crashed meanwhile
    await client.query(`LOCK TABLES ${name.replaceAll('"', '`')} READ`)
    return {
      running: async () => (await this.statements()).length,
      release: async () => {
        await client.query('UNLOCK TABLES').finally(() => client.destroy())
        await pool.end()
      },
    }
  }

  /** Numbers of the connections that are inserting into one of our tables. */
  async statements(): Promise<number[]> {
    const text = 'SELECT id FROM information_schema.processlist WHERE info LIKE ?'
    return (await this.sql(text, [`INSERT INTO \`${this.schema}\`%`])).map(({ id }) => Number(id))
  }

  async close(): Promise<void> {
    await this.sql(`DROP DATABASE IF EXISTS ${this.schema}`)
    await this.pool.end()
  }
}

function columnsOf({ columns, key, nullableKey, check }: Definition): string[] {
  const names = (key ?? []).map(quote).join(', ')
  const never = nullableKey ? [] : (key ?? [])
  return [
    ...Object.entries(columns).map(([column, type]) => `${quote(column)} ${sqlType(type, never.includes(column))}`),
    ...(key === undefined ? [] : [`${nullableKey ? 'UNIQUE' : 'PRIMARY KEY'} (${names})`]),
    ...(check === undefined ? [] : [`CHECK (${check.replaceAll('"', '`')})`]),
  ]
}

/** A timestamp would otherwise never be NULL in older servers; MySQL refuses a column of a primary key that may be. */
function sqlType(type: string, never: boolean): string {
  const nullable = type.startsWith('timestamp') && !never
  return `${type.replace(/^\w+/, (word) => KINDS[word] ?? word)}${nullable ? ' NULL' : ''}`
}

function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

export const mysql: Backend = {
  name: 'mysql',
  clause: 'ON DUPLICATE KEY UPDATE',
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
  types: mysqlTypes,
  faults: mysqlFaults,
  async open() {
    const server = await servers.mysql()
    return server === undefined ? undefined : new MysqlDatabase(server.url)
  },
  async openPrivate(): Promise<PrivateDatabase | undefined> {
    const server = await servers.privateMysql()
    if (server === undefined) return undefined
    const database = new MysqlDatabase(server.url)
    return Object.assign(database, {
      crash: () => server.crash(),
      start: () => server.start(),
      close: () => database.pool.end().then(() => server.remove()),
    })
  },
}
