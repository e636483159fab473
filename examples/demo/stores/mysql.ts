import { mysqlExecutor } from 'batchflow-otel/mysql'
import { createConnection, createPool, type Pool, type RowDataPacket } from 'mysql2/promise'
import type { Hold, Store, StoreOptions } from './store.ts'
import { readContents, totalsSql } from './totals-sql.ts'

/** The tables live in a database of their own; the one in the URL is not touched. */
export async function openMysql({ url, schema, connections }: StoreOptions): Promise<Store> {
  const version = await createTables(url, schema)
  const pool = createPool({ uri: url, database: schema, connectionLimit: connections, timezone: 'Z' })
  return {
    label: labelOf(version),
    executor: mysqlExecutor(pool),
    trouble: { refusal: 'a CHECK constraint', hold: lockIn(pool) },
    contents: () => readContents(TOTALS, async (sql) => (await pool.query<RowDataPacket[]>(sql))[0][0]),
    close: () => pool.end(),
  }
}

async function createTables(url: string, schema: string): Promise<string> {
  const connection = await createConnection({ uri: url, multipleStatements: true, connectTimeout: 10_000 })
  try {
    await connection.query(`
      DROP DATABASE IF EXISTS ${schema};
      CREATE DATABASE ${schema} CHARACTER SET utf8mb4;
      USE ${schema};
      CREATE TABLE flights (
        date datetime NOT NULL, delay integer NOT NULL, distance integer NOT NULL,
        origin varchar(3) NOT NULL, destination varchar(3) NOT NULL
      );
      CREATE TABLE daily_delays (
        origin varchar(3), day date, flights integer NOT NULL, delay bigint NOT NULL, distance bigint NOT NULL,
        PRIMARY KEY (origin, day)
      );
      CREATE TABLE rehearsal (id integer PRIMARY KEY, amount integer NOT NULL CHECK (amount >= 0));`)
    const [rows] = await connection.query<RowDataPacket[]>('SELECT VERSION() AS version')
    return String(rows[0]?.['version'])
  } finally {
    connection.destroy()
  }
}

/** `10.11.19-MariaDB-0+deb12u1`, `8.4.2` */
function labelOf(version: string): string {
  return `${/mariadb/i.test(version) ? 'MariaDB' : 'MySQL'} ${version.split('-')[0]}`
}

const TOTALS = totalsSql({
  minute: (column) => `TIMESTAMPDIFF(MINUTE, '1970-01-01', ${column})`,
  day: (column) => `DATEDIFF(${column}, '1970-01-01')`,
  airport: (column) => `CAST(CONV(HEX(${column}), 16, 10) AS SIGNED)`,
  wide: (expression) => `(${expression})`,
})

function lockIn(pool: Pool): Hold {
  return {
    consequence: 'an attempt that timed out behind a lock',
    async during(work) {
      const connection = await pool.getConnection()
      try {
        await connection.query('LOCK TABLES rehearsal READ')
        return await work()
      } finally {
        await connection.query('UNLOCK TABLES')
        connection.release()
      }
    },
  }
}
