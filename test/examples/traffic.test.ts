import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../../examples/shared/free-port.ts'
import { serviceOf } from '../support/compose.ts'
import { samplesOf } from '../support/prometheus/exposition.ts'
import { bootRedis } from '../support/servers/private-servers.ts'
import { needed, servers } from '../support/servers/servers.ts'

const test = suite('examples/traffic')
const PATIENCE_MS = 40_000

/** The traffic as `docker compose` starts it, its databases on this machine. */
class Traffic {
  readonly #child: ChildProcess
  readonly #metrics: number
  readonly #health: number
  #output = ''

  private constructor(env: Record<string, string>, metrics: number, health: number) {
    const all = { ...process.env, ...env, METRICS_PORT: String(metrics), HEALTH_PORT: String(health) }
    const cwd = join(import.meta.dirname, '../..')
    this.#child = spawn(process.execPath, ['--import', 'tsx', 'examples/traffic/main.ts'], { cwd, env: all })
    this.#metrics = metrics
    this.#health = health
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text))
    }
  }

  static async start(env: Record<string, string>): Promise<Traffic> {
    return new Traffic(env, await freePort(), await freePort())
  }

  get output(): string {
    return this.#output
  }

  /** Sum of a metric by database. */
  async sums(name: string, ...labels: string[]): Promise<Map<string, number>> {
    const page = await fetch(`http://127.0.0.1:${this.#metrics}/metrics`).then((response) => response.text())
    const sums = new Map<string, number>()
    for (const sample of samplesOf(page)) {
      if (sample.name !== name || !labels.every((label) => sample.labels.includes(label))) continue
      const database = sample.labels.find((label) => label.startsWith('database='))?.slice(10, -1) ?? ''
      sums.set(database, (sums.get(database) ?? 0) + Number(sample.value))
    }
    return sums
  }

  /** Status of the health check that `docker compose` does. */
  healthCheck(): number | null {
    const [, ...words] = serviceOf('traffic').healthcheck.test
    const [program = '', ...args] = words.map((word) => word.replace('127.0.0.1:8081', `127.0.0.1:${this.#health}`))
    return spawnSync(program, args).status
  }

  /** @throws when the process ends first, or it takes too long */
  async until(what: string, look: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS
    while (!(await look().catch(() => false))) {
      if (this.#child.exitCode !== null || Date.now() > deadline)
        console.error(
          what,
          this.#output,
          await this.sums('batchflow_executor_paused').catch(String),
          await this.sums('batchflow_records_total').catch(String),
        )
      if (this.#child.exitCode !== null || Date.now() > deadline) throw new Error(`${what}: no\n${this.#output}`)
      await sleep(50)
    }
  }

  async stop(): Promise<number | null> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM')
      await once(this.#child, 'exit')
    }
    return this.#child.exitCode
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

const redisProgram = needed(await servers.redisProgram())
const postgres = needed(await servers.embeddedPostgres())
const mysql = needed(await servers.privateMysql())
const redis = await bootRedis(redisProgram)
const traffic = await Traffic.start({ POSTGRES_URL: postgres.url, MYSQL_URL: mysql.url, REDIS_URL: redis.url })

test.after(async () => {
  traffic.kill()
  await Promise.all([postgres.remove(), mysql.remove(), redis.remove()])
})

const DATABASES = ['mysql', 'postgres', 'redis']

const committed = () => traffic.sums('batchflow_records_total', 'status="success"')

test('its databases are stopped while it holds their locks, and started again: it goes on', async () => {
  await traffic.until(
    'it writes to all',
    async () => [...(await committed()).values()].filter((n) => n > 0).length === 3,
  )
  const admin = new pg.Client({ connectionString: postgres.url })
  admin.on('error', () => undefined)
  await admin.connect()
  await traffic.until('it holds a lock', async () => {
    const { rowCount } = await admin.query("SELECT FROM pg_locks WHERE mode = 'ShareLock' AND relation IS NOT NULL")
    return rowCount === 1
  })
  await Promise.all([postgres.stop('immediate'), mysql.crash(), redis.crash()])
  await admin.end().catch(() => undefined)
  const paused = () => traffic.sums('batchflow_executor_paused')
  await traffic.until('it waits for all', async () => [...(await paused()).values()].join() === '1,1,1')
  await traffic.until('a turn of its troubles fails', async () => traffic.output.split('is put off').length > 2)
  assert.is(traffic.healthCheck(), 0, 'who waits for a database is alive')
  await Promise.all([postgres.start(), mysql.start(), redis.start()])
  const before = await committed()
  await traffic.until('it writes to all again', async () => {
    const now = await committed()
    return DATABASES.every((name) => now.get(name)! > before.get(name)! + 1_000)
  })
  await traffic.until('it waits for none', async () => [...(await paused()).values()].join() === '0,0,0')
})

test('it ends when it is told to, its databases being away again', async () => {
  await Promise.all([postgres.stop('immediate'), mysql.crash(), redis.crash()])
  assert.is(await traffic.stop(), 0, traffic.output)
})

test.run()
