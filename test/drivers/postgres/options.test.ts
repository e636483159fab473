import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { postgresExecutor } from '../../../src/drivers/postgres/index.ts'
import { type PostgresOptions, validOptions } from '../../../src/drivers/postgres/options.ts'
import { OptionError } from '../../../src/support/batchflow-error.ts'
import { rejectsWith } from '../../support/assertions.ts'

const options = suite('postgres options')

options('defaults', () => assert.equal(validOptions({}), { appendMethod: 'auto', prepare: true }))

const WRONG: Record<string, unknown> = {
  'postgresExecutor: appendMethod must be one of auto, copy, insert, received "fast"': { appendMethod: 'fast' },
  'postgresExecutor: prepare must be true or false, received 1': { prepare: 1 },
  'postgresExecutor: unknown option "prepar"; there are appendMethod, prepare': { prepar: false },
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
  await refuses(new pg.Client(), client)
})

options.run()
