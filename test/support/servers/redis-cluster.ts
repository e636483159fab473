import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePort } from '../../../examples/shared/free-port.ts'
import { RedisServer } from './redis-server.ts'

const SLOTS = 16_384
const FORMED_MS = 30_000

/** Some Redis servers of our own that form a cluster, without replicas; they end with this process. */
export class RedisCluster {
  readonly servers: readonly RedisServer[]

  private constructor(servers: readonly RedisServer[]) {
    this.servers = servers
  }

  static async open(nodes = 3): Promise<RedisCluster> {
    const servers = await Promise.all(Array.from({ length: nodes }, openNode))
    const cluster = new RedisCluster(servers)
    await cluster.#form().catch(async (error: unknown) => {
      await cluster.close()
      throw error
    })
    return cluster
  }

  /** What `new Cluster(…)` wants to know. */
  get nodes(): { host: string; port: number }[] {
    return this.servers.map(({ port }) => ({ host: '127.0.0.1', port }))
  }

  get url(): string {
    return this.servers[0]!.url
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close()))
  }

  /** One node's connection for as long as `work` takes. */
  async at<T>(node: number, work: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.servers[node]!.port, '127.0.0.1')
    try {
      return await work(redis)
    } finally {
      redis.disconnect()
    }
  }

  /** Which node serves a slot. */
  async ownerOf(slot: number): Promise<number> {
    const ranges = await this.at(0, (redis) => redis.cluster('SLOTS'))
    const found = ranges.find(([from, to]) => from <= slot && slot <= to)
    return this.servers.findIndex(({ port }) => port === found?.[2]?.[1])
  }

  /** Moves a slot and its keys from one node to another, as `redis-cli --cluster reshard` does. */
  async moveSlot(slot: number, from: number, to: number): Promise<void> {
    await this.beginMove(slot, from, to)
    await this.at(from, async (redis) => {
      for (;;) {
        const keys = (await redis.cluster('GETKEYSINSLOT', slot, 100)) as string[]
        if (keys.length === 0) return
        await redis.call('MIGRATE', '127.0.0.1', this.servers[to]!.port, '', 0, 5000, 'KEYS', ...keys)
      }
    })
    await this.endMove(slot, to)
  }

  /** From here on the old owner sends those who ask for a missing key of the slot to the new one. */
  async beginMove(slot: number, from: number, to: number): Promise<void> {
    const [source, target] = [await this.#id(from), await this.#id(to)]
    await this.at(to, (redis) => redis.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source))
    await this.at(from, (redis) => redis.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target))
  }

  async endMove(slot: number, to: number): Promise<void> {
    const target = await this.#id(to)
    const others = this.servers.map((_, node) => node).filter((node) => node !== to)
    for (const node of [to, ...others]) {
      await this.at(node, (redis) => redis.call('CLUSTER', 'SETSLOT', slot, 'NODE', target))
    }
  }

  /** Until every node sees all slots served. */
  async healthy(): Promise<void> {
    for (const deadline = Date.now() + FORMED_MS; Date.now() < deadline; await sleep(50)) {
      const states = await Promise.all(this.servers.map((_, node) => this.at(node, (redis) => redis.cluster('INFO'))))
      const complete = (info: unknown) =>
        /cluster_state:ok/.test(String(info)) && String(info).includes(`cluster_known_nodes:${this.servers.length}`)
      if (states.every(complete)) return
    }
    throw new Error('the cluster did not form')
  }

  async #form(): Promise<void> {
    const share = Math.ceil(SLOTS / this.servers.length)
    for (let node = 0; node < this.servers.length; node++) {
      await this.at(node, async (redis) => {
        const last = Math.min((node + 1) * share, SLOTS) - 1
        await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', node + 1)
        await redis.call('CLUSTER', 'ADDSLOTSRANGE', node * share, last)
        if (node > 0) await redis.call('CLUSTER', 'MEET', '127.0.0.1', this.servers[0]!.port, await this.#busPort(0))
      })
    }
    await this.healthy()
  }

  #id(node: number): Promise<string> {
    return this.at(node, async (redis) => String(await redis.call('CLUSTER', 'MYID')))
  }

  #busPort(node: number): Promise<string> {
    return this.at(node, async (redis) => String(((await redis.call('CONFIG', 'GET', 'cluster-port')) as string[])[1]))
  }
}

async function openNode(): Promise<RedisServer> {
  return RedisServer.open({
    'cluster-enabled': 'yes',
    'cluster-port': String(await freePort()), // by default 10,000 above the port, which may be beyond the last one
    'cluster-node-timeout': '2000',
    appendonly: 'yes',
  })
}
