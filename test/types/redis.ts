/** What the mappings for Redis promise about the rows they are for. Nothing here is run: `tsc` is the test. */
import {
  args,
  type CommandFunction,
  hash,
  json,
  type Mapping,
  type RedisCommand,
  type RedisConnection,
  type RedisKey,
  redisExecutor,
  set,
  stream,
} from 'batchflow-otel/redis'
import { expectTypeOf } from 'expect-type'

interface User {
  id: number
  tenant: string
  name: string
}

declare const client: RedisConnection

// A key: a column, several, or a function of the row.
expectTypeOf<'id'>().toExtend<RedisKey<User>>()
expectTypeOf<readonly ['tenant', 'id']>().toExtend<RedisKey<User>>()
expectTypeOf<(row: User) => string>().toExtend<RedisKey<User>>()
expectTypeOf<(row: User) => Uint8Array>().toExtend<RedisKey<User>>()
expectTypeOf<'uid'>().not.toExtend<RedisKey<User>>()
expectTypeOf<readonly ['tenant', 'uid']>().not.toExtend<RedisKey<User>>()
expectTypeOf<(row: User) => number>().not.toExtend<RedisKey<User>>()
expectTypeOf<(row: { uid: number }) => string>().not.toExtend<RedisKey<User>>()

// Each mapping is for the rows it was made for.
expectTypeOf(hash<User>()).toEqualTypeOf<Mapping<User>>()
expectTypeOf(args<User>()).toEqualTypeOf<Mapping<User>>()
expectTypeOf(hash<User>({ key: ['tenant', 'id'], ttl: 60_000 })).toEqualTypeOf<Mapping<User>>()
expectTypeOf(hash<User>({ key: (row) => `user:${row.id}`, ttl: (row) => row.id })).toEqualTypeOf<Mapping<User>>()
expectTypeOf(set<User>({ value: 'name' })).toEqualTypeOf<Mapping<User>>()
expectTypeOf(set<User>({ value: (row) => row.name, key: 'id' })).toEqualTypeOf<Mapping<User>>()
expectTypeOf(json<User>({ key: 'id' })).toEqualTypeOf<Mapping<User>>()
expectTypeOf(stream<User>({ maxLen: 1000, id: (row) => `${row.id}-0` })).toEqualTypeOf<Mapping<User>>()

// @ts-expect-error a key is a column
hash<User>({ key: 'uid' })
// @ts-expect-error each of several
hash<User>({ key: ['tenant', 'uid'] })
// @ts-expect-error a key is text or bytes
hash<User>({ key: (row) => row.id })
// @ts-expect-error milliseconds
hash<User>({ ttl: '1h' })
// @ts-expect-error a slip in an option
hash<User>({ tll: 60_000 })
// @ts-expect-error a value has to be named
set<User>({ key: 'id' })
// @ts-expect-error which is a column
set<User>({ value: 'nmae' })
// @ts-expect-error or a function of the row
set<User>({ value: (row) => row.nmae })
// @ts-expect-error a stream that is trimmed has a length
stream<User>({ maxLen: '1000' })
// @ts-expect-error a stream has no time to live
stream<User>({ ttl: 60_000 })
// @ts-expect-error the key of a JSON text is a column, too
json<User>({ key: 'uid' })

// Commands of one's own.
expectTypeOf<['SET', string, number]>().toExtend<RedisCommand>()
expectTypeOf<[number, string]>().not.toExtend<RedisCommand>()
const commands: CommandFunction<User> = (row, table) => {
  expectTypeOf(row).toEqualTypeOf<User>()
  return ['HSET', `${table.name}:${row.id}`, 'name', row.name]
}

// One mapping for all tables, or one by the name of each.
redisExecutor(client)
redisExecutor(client, { commands: hash<User>() })
redisExecutor(client, { commands })
redisExecutor(client, { commands: { users: hash<User>({ key: 'id' }), events: stream(), '*': commands } })
// @ts-expect-error a slip in an option
redisExecutor(client, { comands: hash() })
// @ts-expect-error the word for a mapping is none
redisExecutor(client, { commands: { users: 'hash' } })
