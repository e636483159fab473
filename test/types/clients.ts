/// <reference path="../../node_modules/@types/node-22/sqlite.d.ts" />
/** The user's own clients fit without a cast. Nothing here is run: `tsc` is the test. */
import type { DatabaseSync } from 'node:sqlite'
import type { Executor } from 'batchflow-otel'
import { type MysqlPool, mysqlExecutor } from 'batchflow-otel/mysql'
import { type PgPool, postgresExecutor } from 'batchflow-otel/postgres'
import { type RedisClient, redisExecutor } from 'batchflow-otel/redis'
import type { SpoolDatabase } from 'batchflow-otel/spool'
import { type SqliteDatabase, sqliteExecutor } from 'batchflow-otel/sqlite'
import type BetterSqlite3 from 'better-sqlite3'
import { expectTypeOf } from 'expect-type'
import type { Cluster, Redis } from 'ioredis'
import type { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5'
import type Libsql from 'libsql'
import type { Pool as CallbackPool } from 'mysql2'
import type { Pool as PromisePool } from 'mysql2/promise'
import type { Pool } from 'pg'

expectTypeOf<Pool>().toExtend<PgPool>()
expectTypeOf<CallbackPool>().toExtend<MysqlPool>()
expectTypeOf<PromisePool>().toExtend<MysqlPool>()
expectTypeOf<DatabaseSync>().toExtend<SqliteDatabase>()
expectTypeOf<Libsql.Database>().toExtend<SqliteDatabase>()
expectTypeOf<BetterSqlite3.Database>().toExtend<SqliteDatabase>()
expectTypeOf<DatabaseSync>().toExtend<SpoolDatabase>()
expectTypeOf<Libsql.Database>().toExtend<SpoolDatabase>()
expectTypeOf<BetterSqlite3.Database>().toExtend<SpoolDatabase>()
expectTypeOf<Redis>().toExtend<RedisClient>()
expectTypeOf<Cluster>().toExtend<RedisClient>()
expectTypeOf<Redis5>().toExtend<RedisClient>()
expectTypeOf<Cluster5>().toExtend<RedisClient>()

declare const pool: Pool
declare const redis: Redis
declare const database: DatabaseSync
expectTypeOf(postgresExecutor(pool, { appendMethod: 'copy', prepare: false })).toEqualTypeOf<Executor>()
expectTypeOf(sqliteExecutor(database, { dates: 'milliseconds' })).toEqualTypeOf<Executor>()

// @ts-expect-error a client of another database
postgresExecutor(redis)
// @ts-expect-error a client of another database
mysqlExecutor(pool)
// @ts-expect-error a client of another database
redisExecutor(database)
// @ts-expect-error a client of another database
sqliteExecutor(pool)
// @ts-expect-error where it is to be found does not make a client
postgresExecutor('postgres://localhost')
// @ts-expect-error a slip in an option
postgresExecutor(pool, { prepar: false })
// @ts-expect-error the type of an option
postgresExecutor(pool, { prepare: null })
// @ts-expect-error one of three words
postgresExecutor(pool, { appendMethod: 'unnest' })
// @ts-expect-error a slip in an option
sqliteExecutor(database, { date: 'iso' })
