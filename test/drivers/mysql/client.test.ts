import { createPool, createPoolCluster, createConnection as open } from 'mysql2'
import { createPool as createPromisePool, createPoolCluster as createPromisePoolCluster } from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type MysqlPool, mysqlExecutor } from '../../../src/drivers/mysql/index.ts'
import { thrownBy } from '../../support/assertions.ts'

async function later(): Promise<void> {}

const giving = suite('what is given for a pool of mysql2')

giving('what is none is refused, and named', async () => {
  const connection = open({ host: '127.0.0.1', port: 1 })
  connection.on('error', () => undefined)
  const wanted = 'mysqlExecutor: pool must be a pool of mysql2'
  const single = `${wanted}, received a single connection: a batch that breaks needs another one`
  const cluster = `${wanted}, received a PoolCluster: make an executor for each of its pools`
  const ended = [createPool({}), createPromisePool({})]
  for (const pool of ended) await pool.end()
  const done = `${wanted}, received one that was ended: end it after the flow is closed`
  const mariadb = { getConnection: later, query: later, batch: later }
  const mysql = { getConnection: (callback: () => void) => callback(), query: later }
  for (const [given, message] of [
    [connection, single],
    [connection.promise(), single],
    [createPoolCluster(), cluster],
    [createPromisePoolCluster(), cluster],
    [createPoolCluster().of('*'), cluster],
    [createPromisePoolCluster().of('*'), cluster],
    [
      mariadb,
      `${wanted}, received a client of the mariadb connector: make a pool with mysql2, it speaks to MariaDB as well`,
    ],
    [mysql, `${wanted}, received a pool that only calls back, as those of mysql do: make one with mysql2`],
    [ended[0], done],
    [ended[1], done],
    [null, `${wanted} with a method getConnection(), received null`],
    [undefined, `${wanted} with a method getConnection(), received undefined`],
    [{}, `${wanted} with a method getConnection(), received an object`],
    ['mysql://localhost', `${wanted} with a method getConnection(), received "mysql://localhost"`],
  ] as const) {
    const error = await thrownBy(() => mysqlExecutor(given as unknown as MysqlPool))
    assert.is((error as Error).message, message)
  }
})

giving('both kinds of pools are taken', async () => {
  for (const pool of [createPool({}), createPromisePool({})]) {
    assert.ok(mysqlExecutor(pool))
    await pool.end()
  }
})

giving.run()
