import { createPoolCluster, createConnection as open } from 'mysql2'
import { createPoolCluster as createPromisePoolCluster } from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type MysqlPool, mysqlExecutor } from '../../../src/drivers/mysql/index.ts'
import { thrownBy } from '../../support/assertions.ts'

const giving = suite('what is given for a pool of mysql2')

giving('what is none is refused, and named', async () => {
  const connection = open({ host: '127.0.0.1', port: 1 })
  connection.on('error', () => undefined)
  const wanted = 'mysqlExecutor: pool must be a pool of mysql2'
  const single = `${wanted}, received a single connection: a batch that breaks needs another one`
  const cluster = `${wanted}, received a PoolCluster: make an executor for each of its pools`
  for (const [given, message] of [
    [connection, single],
    [connection.promise(), single],
    [createPoolCluster(), cluster],
    [createPromisePoolCluster(), cluster],
    [undefined, `${wanted} with a method getConnection(), received undefined`],
    [{}, `${wanted} with a method getConnection(), received an object`],
    ['mysql://localhost', `${wanted} with a method getConnection(), received "mysql://localhost"`],
  ] as const) {
    const error = await thrownBy(() => mysqlExecutor(given as unknown as MysqlPool))
    assert.is((error as Error).message, message)
  }
})

giving.run()
