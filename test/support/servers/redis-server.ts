import { mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../../examples/shared/free-port.ts'
import { type GuardedProcess, spawnGuarded } from '../../../examples/shared/guarded-process.ts'
import { probeRedis } from './probes.ts'
import { needed, servers } from './servers.ts'

/** A Redis for one test alone: on a free port, to stop, crash and start again; it ends with this process. */
export class RedisServer {
  readonly port: number
  readonly folder: string
  readonly #command: string
  readonly #settings: readonly string[]
  #process: GuardedProcess | undefined

  private constructor(command: string, port: number, folder: string, settings: readonly string[]) {
    this.#command = command
    this.port = port
    this.folder = folder
    this.#settings = settings
  }

  /** Ends the file where no server is installed. @param settings such as `{ appendonly: 'yes' }` */
  static async open(settings: Record<string, string> = {}): Promise<RedisServer> {
    const command = needed(await servers.redisProgram())
    const folder = mkdtempSync(join(tmpdir(), 'batchflow-redis-'))
    const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
    const server = new RedisServer(command, await freePort(), folder, flags)
    await server.start()
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** The server's process, to halt it and let it go on. */
  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** On the same port and data as before. */
  async start(): Promise<void> {
    const before = this.#process
    const fixed = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--dir', this.folder]
    const log = join(this.folder, 'log')
    const args = [...fixed, ...this.#settings]
    const { folder } = this
    this.#process = spawnGuarded({ command: this.#command, args, folder, log, stopSignal: 'SIGTERM' })
    before?.release()
    for (const deadline = Date.now() + 30_000; this.#process.running && Date.now() < deadline; await sleep(20)) {
      if ((await probeRedis(this.url)) !== undefined) return
    }
    throw new Error(`${this.#command} did not start:\n${readFileSync(log, 'utf8').slice(-2000)}`)
  }

  /** `SIGTERM` lets it shut down in order, `SIGKILL` is a crash. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#process?.stop(signal)
  }

  async close(): Promise<void> {
    await this.stop('SIGKILL')
    this.#process?.release()
    await rm(this.folder, { recursive: true, force: true })
  }
}
