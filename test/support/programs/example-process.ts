import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { servers } from '../servers/servers.ts'
import { OtlpReceiver } from '../telemetry/otlp-receiver.ts'

type Variables = Readonly<Record<string, string>>

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
}

interface Place {
  readonly url: string
  readonly schema: string
  readonly database: pg.Client
  readonly receiver: OtlpReceiver
}

/** An example as a user starts it, with a schema of its own on a real server, and a receiver of its telemetry. */
export class ExampleProcess {
  readonly receiver: OtlpReceiver
  readonly database: pg.Client
  readonly #child: ChildProcess
  readonly #place: Place
  readonly #isGuest: boolean
  readonly #ended: Promise<Omit<Ended, 'output'>>
  #output = ''

  private constructor(main: string, place: Place, variables: Variables, isGuest = false) {
    const { url, schema, database, receiver } = place
    this.receiver = receiver
    this.database = database
    this.#place = place
    this.#isGuest = isGuest
    const env = {
      ...process.env,
      DATABASE_URL: url,
      PGOPTIONS: `-c search_path=${schema} -c client_min_messages=warning`,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      PORT: '0',
      ...variables,
    }
    const cwd = join(import.meta.dirname, '../../..')
    this.#child = spawn(process.execPath, ['--import', 'tsx', main], { cwd, env })
    this.#ended = new Promise((resolve) => this.#child.once('close', (code, signal) => resolve({ code, signal })))
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text))
    }
  }

  /**
   * @param main path from the repository
   * @param variables of its environment, beside those that every example is given
   */
  static async start(main: string, variables: Variables = {}): Promise<ExampleProcess> {
    const server = await servers.postgres()
    if (server === undefined) throw new Error('examples need a PostgreSQL server')
    const schema = `example_${randomBytes(6).toString('hex')}`
    const database = new pg.Client({ connectionString: server.url, options: `-c search_path=${schema}` })
    await database.connect()
    await database.query(`CREATE SCHEMA ${schema}`)
    return new ExampleProcess(
      main,
      { url: server.url, schema, database, receiver: await OtlpReceiver.open() },
      variables,
    )
  }

  /** Another one, with the schema and the receiver of this one: to be disposed of before it. */
  beside(main: string, variables: Variables = {}): ExampleProcess {
    return new ExampleProcess(main, this.#place, variables, true)
  }

  /** Resolves with the match as soon as the output shows it. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#output)
      if (match !== null) return match
      if (this.#child.exitCode !== null || this.#child.signalCode !== null)
        throw new Error(`ended without saying ${pattern}:\n${this.#output}`)
      await sleep(10)
    }
  }

  terminate(): Promise<Ended> {
    this.#child.kill('SIGTERM')
    return this.ended()
  }

  /** Leaves it no time to say anything. */
  kill(): Promise<Ended> {
    this.#child.kill('SIGKILL')
    return this.ended()
  }

  async ended(): Promise<Ended> {
    return { ...(await this.#ended), output: this.#output }
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
    await this.kill()
    if (this.#isGuest) return
    await this.receiver.close()
    await this.database.query(`DROP SCHEMA IF EXISTS ${this.#place.schema} CASCADE`)
    await this.database.end()
  }
}
