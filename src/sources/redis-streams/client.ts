import { refuse } from '../../support/validate.ts'

/**
 * The slice of `ioredis` that is used, typed structurally: a `Redis` or `Cluster` of ioredis 5.3 and later or 6 fits without a
 * cast, and ioredis is never imported. What is given is only duplicated: nothing is sent over it.
 */
export interface RedisStreamsClient {
  readonly status: string
  readonly options: { readonly keyPrefix?: string | undefined }
  // Each kind has its own parameters; `duplicateOf` knows them.
  duplicate(...overrides: never[]): unknown
}

/** A connection of our own, or a cluster of them. */
export interface Duplicate {
  readonly status: string
  readonly stream?: { readonly writable: boolean; destroy(): unknown } | null
  nodes?(): readonly Pick<Duplicate, 'stream'>[]
  connect(): Promise<void>
  callBuffer(command: string, ...args: (string | number | Buffer)[]): Promise<unknown>
  disconnect(reconnect?: boolean): void
  on(event: string, listener: (...args: never[]) => void): unknown
  removeListener(event: string, listener: (...args: never[]) => void): unknown
}

type Making = (...overrides: unknown[]) => Duplicate

/** @throws {OptionError} when it is no client of ioredis, or one whose keys cannot be placed */
export function validClient(owner: string, given: unknown): RedisStreamsClient {
  const wanted = 'an ioredis Redis or Cluster'
  if (typeof given !== 'object' || given === null) return refuse(`${owner}: client`, wanted, given)
  const { duplicate, status, options } = given as Partial<RedisStreamsClient>
  if (
    typeof duplicate !== 'function' ||
    typeof status !== 'string' ||
    typeof options !== 'object' ||
    options === null
  ) {
    return refuse(`${owner}: client`, wanted, given)
  }
  const client = given as RedisStreamsClient
  if (isCluster(client) && options.keyPrefix) {
    refuse(
      `${owner}: client`,
      'a Cluster without keyPrefix, which would part keys that belong together',
      options.keyPrefix,
    )
  }
  return client
}

export function isCluster(client: RedisStreamsClient): boolean {
  return 'nodes' in client && typeof client.nodes === 'function'
}

/**
 * What was not answered is not sent again, and nothing rests in a queue from where it would be sent when it was given up long
 * ago; it connects again for as long as it is needed, quickly, also to a server that is still loading its data.
 */
const OVERRIDE = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: null,
  enableAutoPipelining: false,
  maxLoadingRetryTime: 500,
  commandTimeout: undefined,
  socketTimeout: undefined,
  disconnectTimeout: 0,
  retryStrategy: (times: number) => Math.min(50 * times, 1000),
}

const CLUSTER_OVERRIDE = {
  lazyConnect: true,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  clusterRetryStrategy: (times: number) => Math.min(50 * times, 1000),
  redisOptions: {
    commandTimeout: undefined,
    socketTimeout: undefined,
    disconnectTimeout: 0,
    autoResendUnfulfilledCommands: false,
  },
}

export function duplicateOf(client: RedisStreamsClient): Duplicate {
  const duplicate = client.duplicate.bind(client) as unknown as Making
  return isCluster(client) ? duplicate([], CLUSTER_OVERRIDE) : duplicate(OVERRIDE)
}
