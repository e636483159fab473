import { createExecutor, type Executor } from '../../executor/executor.ts'
import type { RedisClient } from './client.ts'
import { RedisDriver } from './driver.ts'
import type { RedisOptions } from './options.ts'

export type { RedisClient, RedisCluster, RedisConnection } from './client.ts'
export { args } from './commands.ts'
export { RedisDriver } from './driver.ts'
export { type HashOptions, hash } from './hash.ts'
export type { RedisKey } from './key.ts'
export type { CommandFunction, Mapping, RedisCommand, RedisValue } from './mapping.ts'
export type { CommandMapping, RedisOptions } from './options.ts'
export { type StreamOptions, stream } from './stream.ts'
export { type JsonOptions, json, type SetOptions, set } from './string.ts'
export type { Ttl } from './ttl.ts'

/**
 * An executor over an ioredis `Redis` or `Cluster` that stays the application's own: nothing here ends it.
 *
 * @throws {OptionError} naming the option and the value it received
 */
export function redisExecutor(client: RedisClient, options: RedisOptions = {}): Executor {
  return createExecutor(new RedisDriver(client, options))
}
