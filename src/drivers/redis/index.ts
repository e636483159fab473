import type { Driver, DriverClass } from '../../contract/driver.ts'
import { createExecutor, type Executor } from '../../executor/executor.ts'
import type { RedisClient } from './client.ts'
import { RedisDriver as Implementation } from './driver.ts'
import type { RedisOptions } from './options.ts'

export type { RedisClient, RedisCluster, RedisConnection } from './client.ts'
export { args } from './commands.ts'
export { type HashOptions, hash } from './hash.ts'
export type { RedisKey } from './key.ts'
export type { CommandFunction, Mapping, RedisCommand, RedisValue } from './mapping.ts'
export type { CommandMapping, RedisOptions } from './options.ts'
export { type StreamOptions, stream } from './stream.ts'
export { type JsonOptions, json, type SetOptions, set } from './string.ts'
export type { Ttl } from './ttl.ts'

/**
 * Writes batches to Redis over an ioredis client the application owns, as commands in one pipeline. For `createExecutor`; what
 * it makes of a batch is for itself alone.
 */
export const RedisDriver: DriverClass<RedisClient, RedisOptions> = Implementation
export type RedisDriver = Driver

/**
 * An executor over an ioredis `Redis` or `Cluster` that stays the application's own: nothing here ends it.
 *
 * @throws {OptionError} naming the option and the value it received
 */
export function redisExecutor(client: RedisClient, options: RedisOptions = {}): Executor {
  return createExecutor(new Implementation(client, options))
}
