import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Libsql from 'libsql'
import type { Table } from '../../../../src/contract/table.ts'
import { sqliteExecutor } from '../../../../src/drivers/sqlite/index.ts'
import type { Executor } from '../../../../src/executor/executor.ts'
import type { AnyRow, Backend, Database, Definition, TestTable } from '../backend.ts'
import { statementOf } from '../harness.ts'
import { sqliteFaults } from './sqlite-faults.ts'
import { sqliteTypes } from './sqlite-types.ts'

const KINDS: Readonly<Record<string, string>> = { integer: 'integer', text: 'text', long: 'text', bytes: 'blob' }

/** The part that the clients of SQLite have in common. */
export interface Connection {
  prepare(sql: string): { run(...values: never[]): unknown; all(): unknown[] }
  exec(sql: string): unknown
  close(): unknown
}

export type Connect = (path: string) => Connection

/** A database in a file of its own, or in memory. */
export class SqliteDatabase implements Database {
  readonly executor: Executor
  readonly connection: Connection
  readonly connect: Connect
  readonly #folder: string | undefined
  #tables = 0

  constructor(connect: Connect, place: 'file' | 'memory') {
    this.connect = connect
    this.#folder = place === 'file' ? mkdtempSync(join(tmpdir(), 'batchflow-sqlite-')) : undefined
    this.connection = this.another()
    if (place === 'file') this.connection.exec('PRAGMA journal_mode = WAL')
    this.connection.exec('PRAGMA foreign_keys = ON')
    this.executor = sqliteExecutor(this.connection)
  }

  get path(): string {
    return this.#folder === undefined ? ':memory:' : join(this.#folder, 'database')
  }

  /** Another connection, for the caller to close; in memory it leads to another database. */
  another(): Connection {
    return this.connect(this.path)
  }

  async writeOne(table: Table, row: AnyRow): Promise<void> {
    const { text, values } = await statementOf(this.executor, table, row)
    this.connection.prepare(text).run(...(values as never[]))
  }

  companions(name: string): Executor {
    return sqliteExecutor(this.connection, { companions: { positions: `${name}_p`, tokens: `${name}_t` } })
  }

  async create(definition: Definition): Promise<TestTable> {
    const name = quote(`${definition.prefix ?? 't'}${++this.#tables}`)
    this.connection.exec(`CREATE TABLE ${name} (${columnsOf(definition).join(', ')})`)
    const columns = Object.keys(definition.columns)
    const read = (sql: string, names: readonly string[]) => {
      const rows = this.connection.prepare(sql).all() as AnyRow[]
      return rows.map((row) => Object.fromEntries(names.map((column) => [column, plain(row[column])])))
    }
    return {
      name,
      columns,
      rows: async () => read(`SELECT * FROM ${name} ORDER BY 1`, columns),
      count: async () => Number(read(`SELECT count(*) AS n FROM ${name}`, ['n'])[0]?.['n']),
    }
  }

  async close(): Promise<void> {
    this.connection.close()
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true })
  }
}

/** Bytes as a `Buffer` from every client; `libsql` gives the bare memory. */
function plain(value: unknown): unknown {
  return value instanceof Uint8Array || value instanceof ArrayBuffer ? Buffer.from(value as Uint8Array) : value
}

function columnsOf({ columns, key, check }: Definition): string[] {
  return [
    ...Object.entries(columns).map(([column, type]) => `${quote(column)} ${sqlType(type)}`),
    ...(key === undefined ? [] : [`UNIQUE (${key.map(quote).join(', ')})`]),
    ...(check === undefined ? [] : [`CHECK (${check})`]),
  ]
}

function sqlType(type: string): string {
  return type.replace(/^\w+/, (word) => KINDS[word] ?? word)
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function sqlite(client: string, connect: Connect, place: 'file' | 'memory'): Backend {
  return {
    name: `sqlite (${client}, ${place})`,
    clause: 'ON CONFLICT ({id}) DO UPDATE SET',
    can: {
      actions: ['error', 'ignore', 'update', 'replace'],
      refusesDuplicates: true,
      nullKeys: true,
      checks: true,
      wholeBatches: true,
      cancels: false,
      tables: true,
      mostColumns: 1000,
    },
    types: sqliteTypes,
    faults: sqliteFaults(client, place),
    open: async () => new SqliteDatabase(connect, place),
  }
}

export const libsql: Connect = (path) => new Libsql(path)

/** Node's own client, from Node 22 on; the types of older ones do not know it. */
export async function nodeSqlite(): Promise<Connect | undefined> {
  const name = 'node:sqlite'
  const module = await import(name).catch(() => undefined)
  if (module === undefined) return undefined
  const { DatabaseSync } = module as { DatabaseSync: new (path: string) => Connection }
  return (path) => new DatabaseSync(path)
}
