/** Two processes that add to the same keys, in other orders, with several batches in flight each. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Added, addition, KEYS, ROWS } from '../support/programs/adder.ts'
import { servers } from '../support/servers/servers.ts'
import type { Database } from './conformance/backend.ts'
import { mysql } from './conformance/backends/mysql.ts'
import { postgres } from './conformance/backends/postgres.ts'
import { redis } from './conformance/backends/redis.ts'
import { libsql, SqliteDatabase } from './conformance/backends/sqlite.ts'

const PROGRAM = new URL('../support/programs/adder.ts', import.meta.url)

/** What both of them add to each key, and the last of all rows with it. */
function expected(): { id: number; hits: number; last: number }[] {
  const rows = Array.from({ length: KEYS }, (_, id) => ({ id, hits: 0, last: 0 }))
  for (const which of [0, 1]) {
    for (let i = 0; i < ROWS; i++) {
      const { id, hits, last } = addition(which, i)
      rows[id]!.hits += hits
      rows[id]!.last = Math.max(rows[id]!.last, last)
    }
  }
  return rows
}

async function told<T>(child: ChildProcess): Promise<T> {
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`it ended with ${code}`)))
  const [message] = await Promise.race([once(child, 'message'), ended])
  return message as T
}

const adding = suite('two processes add to the same keys')

async function test(name: string, url: string | undefined, database: Database | undefined): Promise<void> {
  if (url === undefined || database === undefined) return
  adding.after(() => database.close())
  adding(name, async () => {
    const made = await database.create({ columns: { id: 'integer', hits: 'integer', last: 'integer' }, key: ['id'] })
    const children = [0, 1].map((which) =>
      fork(PROGRAM, [url, made.name, String(which)], { execArgv: ['--import', 'tsx'] }),
    )
    try {
      await Promise.all(children.map((child) => told(child)))
      for (const child of children) child.send('go')
      for (const { committed, failed, retried } of await Promise.all(children.map((child) => told<Added>(child)))) {
        assert.equal([committed, failed], [ROWS, 0], retried.join())
      }
      assert.equal(await made.rows(), expected())
    } finally {
      for (const child of children) child.kill()
    }
  })
}

await test('PostgreSQL', (await servers.postgres())?.url, await postgres.open())
await test('MySQL', (await servers.mysql())?.url, await mysql.open())
await test('Redis', (await servers.redis())?.url, await redis.open())
const file = new SqliteDatabase(libsql, 'file')
await test('SQLite', `sqlite:${file.path}`, file)

adding.run()
