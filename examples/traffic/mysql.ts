import { mysqlExecutor } from 'batchflow-otel/mysql'
import { createPool, type Pool } from 'mysql2/promise'
import { type Backend, latest, orders } from './backend.ts'

/** @param name of the database the tables live in; it is dropped and made anew, and dropped again by `close` */
export async function mysqlBackend(url: string, name: string): Promise<Backend> {
  const at = new URL(url)
  const admin = createPool({ uri: url, connectionLimit: 1 })
  await admin.query('DROP DATABASE IF EXISTS ??', [name])
  await admin.query('CREATE DATABASE ??', [name])
  at.pathname = name
  const pool = createPool({ uri: at.href, connectionLimit: 6 })
  await pool.query('CREATE TABLE invoices (id bigint, customer int, amount int, CHECK (amount >= 0))')
  await pool.query('CREATE TABLE accounts (customer int PRIMARY KEY, id bigint, amount int)')
  return {
    executor: mysqlExecutor(pool),
    feeds: [orders('invoices', 1_000), latest('accounts', 500)],
    hold: (work) => locked(pool, work),
    trim: async () => void (await pool.query('TRUNCATE invoices')),
    close: async () => {
      await pool.end()
      await admin.query('DROP DATABASE ??', [name]).finally(() => admin.end())
    },
  }
}

async function locked(pool: Pool, work: () => Promise<void>): Promise<void> {
  const connection = await pool.getConnection()
  try {
    await connection.query('LOCK TABLES invoices READ')
    await work()
  } finally {
    await connection.query('UNLOCK TABLES').then(
      () => connection.release(),
      () => connection.destroy(),
    )
  }
}
