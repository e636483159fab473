import { randomBytes } from 'node:crypto'
import { Redis, type RedisOptions } from 'ioredis'
import { AttemptError, type RowFailure } from '../../../src/contract/driver.ts'
import { defineTable, type OnConflict, type Table } from '../../../src/contract/table.ts'
import type { RedisClient } from '../../../src/drivers/redis/client.ts'
import { RedisDriver } from '../../../src/drivers/redis/driver.ts'
import type { CommandMapping } from '../../../src/drivers/redis/options.ts'
import { needed, servers } from '../servers/servers.ts'

type ClientOptions = Omit<RedisOptions, 'replyMapping'>

export type AnyRow = Record<string, unknown>

/** Names of one's own on a real server. */
export class RedisScene {
  readonly client: Redis
  readonly url: string
  readonly #prefix = `batchflow_${randomBytes(6).toString('hex')}`
  #tables = 0

  private constructor(url: string, options: ClientOptions) {
    this.url = url
    this.client = new Redis(url, options)
    this.client.on('error', () => undefined) // connections that a test breaks
  }

  /** Ends the file where there is no server. */
  static async open(url?: string, options: ClientOptions = {}): Promise<RedisScene> {
    return new RedisScene(url ?? needed(await servers.redis()).url, options)
  }

  /** Removes the keys of all its tables. */
  async close(): Promise<void> {
    const keys = await this.keys('')
    if (keys.length > 0) await this.client.del(...keys)
    this.client.disconnect()
  }

  /** A name that no other test uses. */
  name(): string {
    return `${this.#prefix}.t${++this.#tables}`
  }

  table(columns: readonly string[], onConflict?: OnConflict<AnyRow>): Table {
    return tableOf(this.name(), columns, onConflict)
  }

  async keys(table: string): Promise<string[]> {
    const found: string[] = []
    let cursor = '0'
    do {
      const [next, keys] = await this.client.scan(cursor, 'MATCH', `${this.#prefix}*`, 'COUNT', 10_000)
      found.push(...keys.filter((key) => key.startsWith(table)))
      cursor = next
    } while (cursor !== '0')
    return found.sort()
  }

  driver(commands?: CommandMapping): RedisDriver {
    return new RedisDriver(this.client, commands === undefined ? {} : { commands })
  }
}

export function tableOf(name: string, columns: readonly string[], onConflict?: OnConflict<AnyRow>): Table {
  return defineTable<AnyRow>(name, onConflict === undefined ? { columns } : { columns, onConflict })
}

/** One batch, as the executor would carry it out. */
export async function write(
  driver: RedisDriver,
  table: Table,
  rows: readonly AnyRow[],
  signal: AbortSignal = new AbortController().signal,
): Promise<readonly RowFailure[]> {
  const pipeline = driver.plan({ table, columns: table.columns, rows })
  return (await driver.run(pipeline, { signal })) ?? []
}

export interface Refusal {
  readonly index: number
  readonly reason: string | undefined
  readonly ambiguous: boolean
  readonly message: string
}

/** The rows that failed, as the executor would judge them. */
export function refusals(driver: RedisDriver, failures: readonly RowFailure[]): Refusal[] {
  return failures.map(({ index, error }) => ({ index, ...verdictOn(driver, error) }))
}

/** What kept a whole batch from being written. */
export function verdictOn(driver: RedisDriver, error: unknown): Omit<Refusal, 'index'> {
  const known = error instanceof AttemptError ? error : undefined
  const cause = (known?.cause ?? error) as Error
  return { reason: driver.classify(cause)?.reason, ambiguous: known?.ambiguous ?? false, message: cause.message }
}

/** A driver over a client that is given as what it is, so that the compiler checks that it fits. */
export function driverOf(client: RedisClient, commands?: CommandMapping): RedisDriver {
  return new RedisDriver(client, commands === undefined ? {} : { commands })
}
