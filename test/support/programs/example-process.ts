import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { servers } from '../servers/servers.ts'
import { OtlpReceiver } from '../telemetry/otlp-receiver.ts'

export interface Ended {
  readonly code: number | null
  readonly output: string
}

/** An example as a user starts it, with a schema of its own on a real server, and a receiver of its telemetry. */
export class ExampleProcess {
  readonly receiver: OtlpReceiver
  readonly database: pg.Client
  readonly #child: ChildProcess
  readonly #schema: string
  readonly #ended: Promise<number | null>
  #output = ''

  private constructor(main: string, url: string, schema: string, database: pg.Client, receiver: OtlpReceiver) {
    this.receiver = receiver
    this.database = database
    this.#schema = schema
    const env = {
      ...process.env,
      DATABASE_URL: url,
      PGOPTIONS: `-c search_path=${schema} -c client_min_messages=warning`,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      PORT: '0',
    }
    const cwd = join(import.meta.dirname, '../../..')
    this.#child = spawn(process.execPath, ['--import', 'tsx', main], { cwd, env })
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve))
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text))
    }
  }

  /** @param main path from the repository */
  static async start(main: string): Promise<ExampleProcess> {
    const server = await servers.postgres()
    if (server === undefined) throw new Error('examples need a PostgreSQL server')
    const schema = `example_${randomBytes(6).toString('hex')}`
    const database = new pg.Client({ connectionString: server.url, options: `-c search_path=${schema}` })
    await database.connect()
    await database.query(`CREATE SCHEMA ${schema}`)
    return new ExampleProcess(main, server.url, schema, database, await OtlpReceiver.open())
  }

  /** Resolves with the match as soon as the output shows it. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#output)
      if (match !== null) return match
      if (this.#child.exitCode !== null) throw new Error(`ended without saying ${pattern}:\n${this.#output}`)
      await sleep(10)
    }
  }

  terminate(): Promise<Ended> {
    this.#child.kill('SIGTERM')
    return this.ended()
  }

  async ended(): Promise<Ended> {
    return { code: await this.#ended, output: this.#output }
  }

  async count(table: string): Promise<number> {
    const { rows } = await this.database.query<{ count: string }>(`SELECT count(*) FROM ${table}`)
    return Number(rows[0]?.count)
  }

  /** Rows of a table that the metrics say are committed. */
  counted(table: string): number | undefined {
    const points = this.receiver.points('batchflow.records')
    return points.find(({ attributes: { table: name, status } }) => name === table && status === 'success')?.value
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
    await this.receiver.close()
    await this.database.query(`DROP SCHEMA IF EXISTS ${this.#schema} CASCADE`)
    await this.database.end()
  }
}
