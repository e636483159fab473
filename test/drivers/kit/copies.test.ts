import { createRequire } from 'node:module'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../../src/contract/table.ts'
import { EncodeError } from '../../../src/drivers/kit/encode-error.ts'
import * as mysql from '../../../src/drivers/mysql/classify.ts'
import { MissingIndexError } from '../../../src/drivers/mysql/keys.ts'
import * as postgres from '../../../src/drivers/postgres/classify.ts'
import * as redis from '../../../src/drivers/redis/classify.ts'
import { RedisDriver } from '../../../src/drivers/redis/driver.ts'
import { hash } from '../../../src/drivers/redis/hash.ts'
import { KeyExistsError, NotSentError } from '../../../src/drivers/redis/outcome.ts'
import * as sqlite from '../../../src/drivers/sqlite/classify.ts'
import { unconnected } from '../../support/databases/redis-commands.ts'

const copies = suite('two copies of the package')
const require = createRequire(import.meta.url)
const table = defineTable<{ id: number; v: unknown }>('t', {
  columns: ['id', 'v'],
  onConflict: { action: 'replace', keys: ['id'] },
})

/** The same file once more, as CommonJS. */
function copy<M extends object>(path: string, original: M): M {
  const other = require(`../../../src/drivers/${path}.ts`)
  assert.is.not(other[Object.keys(original)[0]!], Object.values(original)[0])
  return other
}

copies('a mapping of one is a mapping for the other', () => {
  const other = copy('redis/hash', { hash })
  const driver = new RedisDriver(unconnected(), { commands: { t: other.hash() } })
  const rows = [
    { id: 1, v: 2 },
    { id: 2, v: new Map() },
  ]
  const pipeline = driver.plan({ table, columns: table.columns, rows })
  assert.is(pipeline.name, 'PIPELINE')
  assert.equal(pipeline.rows, [0])
  assert.is(
    (pipeline.failures[0]!.error as Error).message,
    'only Uint8Array, arrays, dates and plain objects can be written',
  )
})

copies('each knows the errors of the other', () => {
  const ours = copy('kit/encode-error', { EncodeError })
  for (const { classify } of [mysql, postgres, redis, sqlite]) {
    assert.equal(classify(new ours.EncodeError('x')), { reason: 'invalid_data' })
  }
  const outcome = copy('redis/outcome', { KeyExistsError, NotSentError })
  assert.equal(redis.classify(new outcome.KeyExistsError()), { reason: 'duplicate_key' })
  assert.equal(redis.classify(new outcome.NotSentError('x')), { reason: 'connection' })
  const keys = copy('mysql/keys', { MissingIndexError })
  assert.is(mysql.classify(new keys.MissingIndexError(table))?.reason, 'schema')
})

copies.run()
