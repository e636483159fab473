import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { AttemptError } from '../../../src/contract/driver.ts'
import { defineTable, type OnConflict, type Table } from '../../../src/contract/table.ts'
import { PostgresDriver } from '../../../src/drivers/postgres/driver.ts'
import type { PostgresOptions } from '../../../src/drivers/postgres/options.ts'
import { thrownBy } from '../assertions.ts'
import { needed, servers } from '../servers/servers.ts'

export type AnyRow = Record<string, unknown>

export const never = new AbortController().signal

/** A schema of one's own on a real server, first in the search path of every connection. */
export class Scene {
  readonly url: string
  readonly schema: string
  readonly pool: pg.Pool
  #tables = 0

  private constructor(url: string, config: pg.PoolConfig) {
    this.url = url
    this.schema = `batchflow_${randomBytes(6).toString('hex')}`
    const options = `-c search_path=${this.schema} -c client_min_messages=warning ${config.options ?? ''}`
    this.pool = new pg.Pool({ connectionString: url, max: 4, ...config, options })
    this.pool.on('error', () => undefined) // idle connections that a test has killed
  }

  /** Ends the file where there is no server. */
  static async open(config: pg.PoolConfig = {}): Promise<Scene> {
    const { url } = needed(await servers.postgres())
    const scene = new Scene(url, config)
    await scene.sql(`CREATE SCHEMA ${scene.schema}`)
    return scene
  }

  async close(): Promise<void> {
    await this.sql(`DROP SCHEMA ${this.schema} CASCADE`)
    await this.pool.end()
  }

  async sql(text: string, values: unknown[] = []): Promise<AnyRow[]> {
    return (await this.pool.query<AnyRow>(text, values)).rows
  }

  /** Creates a table with these columns under a fresh name, and returns the name. */
  async table(columns: string): Promise<string> {
    const name = `t${++this.#tables}`
    await this.sql(`CREATE TABLE ${name} (${columns})`)
    return name
  }

  driver(options: PostgresOptions = {}): PostgresDriver {
    return new PostgresDriver(this.pool, options)
  }
}

export function tableOf(name: string, columns: readonly string[], onConflict?: OnConflict<AnyRow>): Table {
  return defineTable<AnyRow>(name, onConflict === undefined ? { columns } : { columns, onConflict })
}

/** One batch, as the executor would carry it out: planned once more when the driver says its plan was stale. */
export async function write(
  driver: PostgresDriver,
  table: Table,
  rows: readonly AnyRow[],
  signal: AbortSignal = never,
): Promise<{ name: string; text: string }> {
  for (let stale = false; ; stale = true) {
    const operation = await driver.plan({ table, columns: table.columns, rows }, { signal })
    try {
      await driver.run(operation, { signal })
      return { name: operation.name, text: operation.text }
    } catch (error) {
      if (stale || !(error instanceof AttemptError && error.stale)) throw error
    } finally {
      operation.release()
    }
  }
}

/** The error of a batch that must fail, and what the driver makes of it. */
export async function failure(driver: PostgresDriver, table: Table, rows: readonly AnyRow[], signal?: AbortSignal) {
  const error = await thrownBy(() => write(driver, table, rows, signal))
  if (!(error instanceof AttemptError)) throw error
  const cause = error.cause as Error & { code?: string }
  return { error, cause, code: cause.code, rowIndex: error.rowIndex, reason: driver.classify(cause)?.reason }
}
