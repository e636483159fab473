/**
 * A Kafka to test with: the brokers in `KAFKA_BROKERS` (`host:port,…`), one that listens on 9092, or kfake, a stand-in that
 * speaks the protocol and was built by `test/support/kfake/build.sh`.
 */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Admin } from '@platformatic/kafka'
import { freePort } from '../../../examples/shared/free-port.ts'
import { type GuardedProcess, spawnGuarded } from '../../../examples/shared/guarded-process.ts'
import { FaultProxy } from './fault-proxy.ts'
import { needed } from './servers.ts'

const PROGRAM = join(import.meta.dirname, '../../../.cache/kfake/kfake')
const REMEDY = 'test/support/kfake/build.sh'

export interface KafkaServer {
  readonly brokers: readonly string[]
  /** Whether it is the stand-in. */
  readonly isStandIn: boolean
  stop(): Promise<void>
}

/** Ends the file where there is none. */
export async function kafkaServer(): Promise<KafkaServer> {
  const given = process.env['KAFKA_BROKERS']
  if (given) return { brokers: given.split(','), isStandIn: false, stop: async () => {} }
  if (await answers(9092)) return { brokers: ['127.0.0.1:9092'], isStandIn: false, stop: async () => {} }
  return Kfake.open()
}

/** The stand-in, for tests that stop it, or move what is on its three brokers. Ends the file where it is not built. */
export class Kfake implements KafkaServer {
  readonly isStandIn = true
  readonly brokers: readonly string[]
  readonly #ports: readonly number[]
  readonly #control: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'batchflow-kfake-'))
  #process: GuardedProcess | undefined

  /** One before each broker, where it was opened with them. */
  readonly proxies: readonly FaultProxy[]

  private constructor(ports: readonly number[], control: number, proxies: readonly FaultProxy[]) {
    this.proxies = proxies
    this.#ports = ports
    this.#control = control
    this.brokers = this.#told.map((port) => `127.0.0.1:${port}`)
  }

  /** @param options `proxied`: clients reach each broker through a proxy */
  static async open(options: { readonly proxied?: boolean } = {}): Promise<Kfake> {
    return needed(await Kfake.find(options))
  }

  /** `undefined` where it is not built, which is said. */
  static async find({ proxied = false } = {}): Promise<Kfake | undefined> {
    if (!existsSync(PROGRAM)) {
      console.log(`SKIPPED kafka: ${REMEDY}`)
      return undefined
    }
    const ports = [await freePort(), await freePort(), await freePort()]
    const proxies = proxied ? await Promise.all(ports.map((port) => FaultProxy.open('127.0.0.1', port))) : []
    const server = new Kfake(ports, await freePort(), proxies)
    await server.start()
    return server
  }

  /** Where clients are told to come. */
  get #told(): readonly number[] {
    return this.proxies.length === 0 ? this.#ports : this.proxies.map(({ port }) => port)
  }

  /** On the same ports and data as before. */
  async start(): Promise<void> {
    const before = this.#process
    const data = join(this.#folder, 'data')
    const ports = ['-ports', this.#told.join(','), '-behind', this.#ports.join(',')]
    const args = [...ports, '-control', String(this.#control), '-data', data]
    const log = join(this.#folder, 'log')
    this.#process = spawnGuarded({ command: PROGRAM, args, folder: this.#folder, log, stopSignal: 'SIGTERM' })
    before?.release()
    for (const deadline = Date.now() + 30_000; this.#process.running && Date.now() < deadline; await sleep(20)) {
      if (await answers(this.#control)) return
    }
    throw new Error(`kfake did not start:\n${readFileSync(log, 'utf8').slice(-2000)}`)
  }

  /** Its process, to see what it costs. */
  get pid(): number {
    return this.#process?.pid ?? 0
  }

  crash(): Promise<void> {
    return this.#process!.stop('SIGKILL')
  }

  /** Other brokers lead the partitions, or the groups, from now on. */
  async move(what: 'leaders' | 'coordinators'): Promise<void> {
    await fetch(`http://127.0.0.1:${this.#control}/${what}`)
  }

  async stop(): Promise<void> {
    await this.#process?.stop('SIGKILL')
    this.#process?.release()
    await Promise.all(this.proxies.map((proxy) => proxy.close()))
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Only one of the brokers may make topics, and the client asks the first. */
export async function createTopic(
  brokers: readonly string[],
  topic: string,
  partitions: number,
  configs: { readonly name: string; readonly value: string }[] = [],
): Promise<void> {
  let failure: unknown
  for (const broker of brokers) {
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [broker], retries: 0 })
    try {
      await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs })
      return
    } catch (error) {
      failure = error
    } finally {
      await admin.close()
    }
  }
  throw failure
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end())
    socket.setTimeout(1000, () => socket.destroy())
    socket.on('error', () => resolve(false))
    socket.on('close', (hadError) => resolve(!hadError))
  })
}
