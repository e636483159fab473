import { createRequire } from 'node:module'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { postgresExecutor } from '../../../src/drivers/postgres/index.ts'
import { type PostgresOptions, validOptions } from '../../../src/drivers/postgres/options.ts'
import { OptionError } from '../../../src/support/batchflow-error.ts'
import { rejectsWith } from '../../support/assertions.ts'

/** That of `pg.native`, which cannot be loaded without pg-native. */
const NativeQuery: unknown = createRequire(import.meta.url)('pg/lib/native/query')

const options = suite('postgres options')

options('defaults', () =>
  assert.equal(validOptions({}), {
    appendMethod: 'auto',
    prepare: true,
    companions: { positions: 'batchflow_positions', tokens: 'batchflow_tokens' },
  }),
)

const WRONG: Record<string, unknown> = {
  'postgresExecutor: appendMethod must be one of auto, copy, insert, received "fast"': { appendMethod: 'fast' },
  'postgresExecutor: prepare must be true or false, received 1': { prepare: 1 },
  'postgresExecutor: unknown option "prepar"; there are appendMethod, prepare, companions': { prepar: false },
}

for (const [message, given] of Object.entries(WRONG)) {
  options(message, async () => {
    await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => validOptions(given as PostgresOptions))
  })
}

options('a pool that is none', async () => {
  const refuses = (pool: unknown, message: string) =>
    rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => postgresExecutor(pool as pg.Pool))
  await refuses(undefined, 'postgresExecutor: pool must be a pg.Pool with a method connect(), received undefined')
  const client = 'postgresExecutor: pool must be a pg.Pool, received a pg.Client: batches need connections of their own'
  await refuses(null, 'postgresExecutor: pool must be a pg.Pool with a method connect(), received null')
  await refuses(new pg.Client(), client)
})

const NativeClient = Object.assign(class {}, { Query: NativeQuery })

class Instrumented extends pg.Client {}

options('a pool that would refuse every batch', async () => {
  const ended = new pg.Pool()
  await ended.end()
  for (const [pool, what] of [
    [new pg.Pool({ pipeline: true } as pg.PoolConfig), 'a pool with pipeline: true: give the executor one without'],
    [
      new pg.Pool({ Client: NativeClient } as unknown as pg.PoolConfig),
      'a pool of pg-native: make it with the JavaScript client, without NODE_PG_FORCE_NATIVE',
    ],
    [ended, 'one that was ended: end it after the flow is closed'],
  ] as const) {
    const message = `postgresExecutor: pool must be a pg.Pool, received ${what}`
    await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => postgresExecutor(pool))
  }
})

options('a pool of which the client is of a class of its own, or of a class unknown', () => {
  for (const Client of [Instrumented, class {}]) {
    assert.ok(postgresExecutor(new pg.Pool({ Client } as unknown as pg.PoolConfig)))
  }
})

options.run()
