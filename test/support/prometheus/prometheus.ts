import { accessSync, constants, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../../examples/shared/free-port.ts'
import { type GuardedProcess, spawnGuarded } from '../../../examples/shared/guarded-process.ts'

/** What is to be scraped: `host:port` and a path. */
export interface Target {
  readonly job: string
  readonly address: string
  readonly path?: string
}

export interface TargetState {
  readonly job: string
  readonly health: 'up' | 'down' | 'unknown'
  readonly error: string
}

export interface ExemplarSeries {
  readonly seriesLabels: Record<string, string>
  readonly exemplars: { labels: Record<string, string>; value: string; timestamp: number }[]
}

const PATIENCE_MS = 30_000
const BUILT = join(import.meta.dirname, '../../../.cache/monitoring/bin')

/** A real Prometheus with exemplar storage, which scrapes every 300 ms. */
export class Prometheus {
  readonly url: string
  readonly #folder: string
  readonly #process: GuardedProcess

  private constructor(url: string, folder: string, process: GuardedProcess) {
    this.url = url
    this.#folder = folder
    this.#process = process
  }

  /** `undefined`, with a line that the runner counts, where no Prometheus is installed or built. */
  static async start(targets: readonly Target[]): Promise<Prometheus | undefined> {
    const program = findTool('prometheus')
    if (program === undefined) {
      console.log('SKIPPED prometheus: collector/build.sh')
      return undefined
    }
    const folder = mkdtempSync(join(tmpdir(), 'batchflow-prometheus-'))
    const address = `127.0.0.1:${await freePort()}`
    writeFileSync(join(folder, 'prometheus.yml'), configuration(targets))
    const args = [`--config.file=${join(folder, 'prometheus.yml')}`, `--storage.tsdb.path=${join(folder, 'data')}`]
    args.push(`--web.listen-address=${address}`, '--enable-feature=exemplar-storage')
    const log = join(folder, 'log')
    const server = spawnGuarded({ command: program, args, folder, log, stopSignal: 'SIGTERM' })
    const prometheus = new Prometheus(`http://${address}`, folder, server)
    try {
      await until('Prometheus is ready', async () => (await fetch(`${prometheus.url}/-/ready`)).ok)
    } catch {
      const lines = readFileSync(log, 'utf8').slice(-2000)
      await prometheus.stop()
      throw new Error(`Prometheus did not start:\n${lines}`)
    }
    return prometheus
  }

  async stop(): Promise<void> {
    await this.#process.stop()
    this.#process.release()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** What became of each target, once all of them were scraped. */
  async targets(): Promise<Map<string, TargetState>> {
    const scraped = async () => {
      const { activeTargets } = await this.#get<{ activeTargets: ActiveTarget[] }>('targets?state=active')
      const states = activeTargets.map(({ labels, health, lastError }) => ({
        job: labels.job,
        health,
        error: lastError,
      }))
      return states.every(({ health }) => health !== 'unknown') && states.length > 0 ? states : undefined
    }
    const states = await until('every target is scraped', scraped)
    return new Map(states.map((state) => [state.job, state]))
  }

  /** Labels of the series that match. */
  series(match: string): Promise<Record<string, string>[]> {
    return this.#get(`series?${new URLSearchParams({ 'match[]': match })}`)
  }

  exemplars(query: string): Promise<ExemplarSeries[]> {
    const now = Date.now() / 1000
    const parameters = { query, start: String(now - 3600), end: String(now + 3600) }
    return this.#get(`query_exemplars?${new URLSearchParams(parameters)}`)
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}`)
    const { status, error, data } = (await response.json()) as { status: string; error?: string; data: T }
    if (status !== 'success') throw new Error(`${path}: ${error}`)
    return data
  }
}

interface ActiveTarget {
  readonly labels: { readonly job: string }
  readonly health: TargetState['health']
  readonly lastError: string
}

/** The program built by `collector/build.sh`, or else the installed one. */
export function findTool(name: 'prometheus' | 'promtool'): string | undefined {
  const folders = [BUILT, ...(process.env['PATH'] ?? '').split(delimiter)]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/**
 * The first result that is neither `undefined` nor `false`; a failure is one that is not there yet.
 *
 * @throws when it takes too long
 */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS
  while (Date.now() < deadline) {
    const found = await look().catch(() => undefined)
    if (found !== undefined && found !== false) return found
    await sleep(100)
  }
  throw new Error(`waited ${PATIENCE_MS} ms in vain until ${what}`)
}

/** JSON is YAML. */
function configuration(targets: readonly Target[]): string {
  const scrape_configs = targets.map(({ job, address, path = '/metrics' }) => ({
    job_name: job,
    metrics_path: path,
    static_configs: [{ targets: [address] }],
  }))
  return JSON.stringify({ global: { scrape_interval: '300ms', scrape_timeout: '300ms' }, scrape_configs })
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
