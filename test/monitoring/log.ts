/** A durable log, those who publish to it and a worker that writes its rows into SQLite: all that is real but the rows. */
import type { Driver, MetricsReporter } from 'batchflow-otel'
import { createExecutor, defineTable, deletion } from 'batchflow-otel'
import { consume, type Worker } from 'batchflow-otel/consume'
import { redisStreams, redisStreamsPublisher } from 'batchflow-otel/redis-streams'
import { SqliteDriver } from 'batchflow-otel/sqlite'
import { Redis } from 'ioredis'
import Database from 'libsql'

export interface Parcel {
  readonly id: number
  readonly place: string
  readonly version: number
}

export const PARTITIONS = 4

const parcels = defineTable<Parcel>('parcels', {
  columns: ['id', 'place', 'version'],
  onConflict: { action: 'update', keys: ['id'], newer: 'version' },
  deletes: true,
})

export class ParcelLog {
  readonly worker: Worker
  readonly #client: Redis
  readonly #publisher: ReturnType<typeof redisStreamsPublisher>
  readonly #stream: string
  readonly #database: InstanceType<typeof Database>
  readonly #driver: GatedDriver

  private constructor(
    client: Redis,
    stream: string,
    database: InstanceType<typeof Database>,
    worker: Worker,
    driver: GatedDriver,
  ) {
    this.#client = client
    this.#stream = stream
    this.#database = database
    this.worker = worker
    this.#driver = driver
    this.#publisher = redisStreamsPublisher(client, { stream, partitions: PARTITIONS })
  }

  /** @param name of the stream, deleted by `close` */
  static async open(url: string, name: string, reporter: MetricsReporter): Promise<ParcelLog> {
    const client = new Redis(url)
    const database = new Database(':memory:')
    database.exec('CREATE TABLE parcels (id integer PRIMARY KEY, place text, version integer NOT NULL)')
    const driver = new GatedDriver(database)
    const executor = createExecutor(driver).withMetricsReporter(reporter)
    const source = redisStreams(client, { stream: name, partitions: PARTITIONS })
    const worker = await consume(source, executor, {
      tables: [parcels],
      position: 'database',
      lagInterval: 100,
      flushInterval: 20,
    })
    return new ParcelLog(client, name, database, worker, driver)
  }

  /** A message for each of them. */
  async publish(rows: readonly Parcel[]): Promise<void> {
    await Promise.all(rows.map((row) => this.#publisher.publish(parcels, row)))
  }

  /** A message that deletes it. */
  async remove({ id, version }: Omit<Parcel, 'place'>): Promise<void> {
    await this.#publisher.publish(parcels, deletion({ id, version }))
  }

  /** A message that nobody can read. */
  async spoil(): Promise<void> {
    await this.#client.xadd(`${this.#stream}:0`, '*', 'body', 'no JSON')
  }

  /** The database takes nothing until what is returned is called. */
  hold(): () => void {
    return this.#driver.close()
  }

  count(): number {
    return (this.#database.prepare('SELECT count(*) AS n FROM parcels').get() as { n: number }).n
  }

  /** For a process that is going to be killed: what is in Redis goes by itself. */
  async leaveNothing(): Promise<void> {
    await Promise.all((await this.#keys()).map((key) => this.#client.expire(key, 600)))
  }

  async close(): Promise<void> {
    await this.#publisher.close()
    await this.worker.close()
    const keys = await this.#keys()
    if (keys.length > 0) await this.#client.del(...keys)
    this.#client.disconnect()
    this.#database.close()
  }

  #keys(): Promise<string[]> {
    return this.#client.keys(`*${this.#stream}*`)
  }
}

/** A database that can be told to take nothing for a while. */
class GatedDriver extends SqliteDriver {
  #open = Promise.resolve()

  override async run(...what: Parameters<Driver['run']>): ReturnType<Driver['run']> {
    await this.#open
    return super.run(...what)
  }

  /** @returns what opens it again */
  close(): () => void {
    let open = () => {}
    this.#open = new Promise((resolve) => {
      open = resolve
    })
    return open
  }
}
