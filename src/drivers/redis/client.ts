import { refuse } from '../../support/validate.ts'
import { having, property, refuseStrangers, type Stranger } from '../kit/strangers.ts'

/**
 * The slice of `ioredis` this driver calls, typed structurally: a `Redis` or `Cluster` of ioredis 5.3 and later or 6 fits
 * without a cast, and ioredis is never imported.
 */
export type RedisClient = RedisConnection | RedisCluster

/** What can be waited for: one connection, or a cluster of them. */
export interface RedisEndpoint {
  /** `wait` connecting connect `ready` close reconnecting `end` */
  readonly status: string
  readonly options: RedisOptionsInUse
  connect(): Promise<void>
  on(event: 'ready' | 'close' | 'end', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'ready' | 'close' | 'end', listener: () => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

export interface RedisConnection extends RedisEndpoint {
  readonly options: RedisAddress
  /** Absent until the first connection. */
  readonly stream?: RedisSocket
  sendCommand(command: QueuedCommand, wire?: RedisWire): unknown
  call(command: string, ...args: string[]): Promise<unknown>
}

export interface RedisCluster extends RedisEndpoint {
  readonly options: RedisClusterOptions
  /** For each slot the addresses `host:port` of its nodes, the master first. */
  readonly slots: readonly (readonly string[])[]
  nodes(role?: 'all' | 'master' | 'slave'): readonly RedisConnection[]
  refreshSlotsCache(callback?: (error?: Error | null) => void): void
}

export interface RedisOptionsInUse {
  readonly keyPrefix?: string | undefined
  readonly enableOfflineQueue?: boolean | undefined
}

export interface RedisClusterOptions extends RedisOptionsInUse {
  /** Where nodes are reached from here, by the address they give themselves. */
  readonly natMap?: NatMap | undefined
}

export type NatMap = Readonly<Record<string, NatAddress>> | ((address: string) => NatAddress | null | undefined)

export interface NatAddress {
  readonly host: string
  readonly port: number
}

export interface RedisAddress extends RedisOptionsInUse {
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** A unix socket, instead of host and port. */
  readonly path?: string | undefined
  readonly db?: number | undefined
}

export interface RedisSocket {
  readonly writable: boolean
  readonly writableEnded: boolean
  /** How much the server has said. */
  readonly bytesRead: number
  write(bytes: Uint8Array | string): boolean
  destroy(): unknown
}

/** What ioredis queues and, when the answer comes, settles. */
export interface QueuedCommand {
  readonly name: string
  resolve(reply: unknown): void
  reject(error: Error): void
  toWritable(socket: object): string | Uint8Array
}

/** Where ioredis writes a command of a pipeline to, instead of the socket. */
export interface RedisWire {
  write(data: string | Uint8Array): unknown
}

export function isCluster(client: RedisClient): client is RedisCluster {
  return 'nodes' in client && typeof client.nodes === 'function'
}

const OWN = 'give the executor a connection of its own, client.duplicate()'

const STRANGERS: readonly Stranger[] = [
  { is: (client) => 'isOpen' in client && 'isReady' in client, what: 'a client of node-redis: make one with ioredis' },
  {
    is: (given) => property(given, 'isPipeline') === true,
    what: 'a pipeline: give the executor the client it was made with',
  },
  { is: (client) => property(client, 'mode') === 'subscriber', what: `one in subscriber mode: ${OWN}` },
  { is: (client) => property(client, 'mode') === 'monitor', what: `one in monitor mode: ${OWN}` },
]

/** @throws {OptionError} when it is no client of ioredis; those of another make have some methods of the same name */
export function validClient(given: RedisClient): RedisClient {
  refuseStrangers('redisExecutor: client must be an ioredis Redis or Cluster', STRANGERS, given)
  return isEndpoint(given) && (isCluster(given) ? having('refreshSlotsCache')(given) : having('sendCommand')(given))
    ? given
    : refuse('redisExecutor: client', 'an ioredis Redis or Cluster', given)
}

function isEndpoint(given: unknown): given is RedisEndpoint {
  if (typeof given !== 'object' || given === null) return false
  const { status, options } = given as Partial<RedisEndpoint>
  return typeof status === 'string' && typeof options === 'object' && having('on', 'removeListener', 'connect')(given)
}
