import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import Database from 'libsql'
import { createConnection } from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { needed, servers } from '../support/servers/servers.ts'
import { command, folder, start } from './command.ts'

const resume = suite('cli resume')
const place = folder()
const TABLE = `cli_resume_${process.pid}`
const ROWS = 10_000
const file = join(place, 'many.csv')
writeFileSync(file, `id,name\n${Array.from({ length: ROWS }, (_, i) => `${i + 1},name ${i}\n`).join('')}`)

/** Kills a load once some rows are there, and lets the same command end it. */
async function killedAndResumed(to: string, count: () => number | Promise<number>): Promise<void> {
  const args = ['load', '--to', to, '-t', TABLE, '--resume', '--batch', '200', file]
  const { child, ended } = start([...args, '--rate', '4000'])
  while ((await count()) < 1_000) await sleep(20)
  child.kill('SIGKILL')
  await ended
  assert.ok((await count()) < ROWS, 'it was killed too late')
  const { code, stderr } = await command(args)
  assert.is(code, 0, stderr)
  assert.match(stderr, 'going on behind line')
}

resume('SQLite: each line exactly once', async () => {
  const path = join(place, 'a.db')
  const database = new Database(path)
  database.exec(`PRAGMA journal_mode = WAL; CREATE TABLE ${TABLE} (id integer, name text)`)
  const row = () => database.prepare(`SELECT count(*) AS n, count(DISTINCT id) AS d FROM ${TABLE}`).get() as Count
  await killedAndResumed(path, () => row().n)
  assert.equal([row().n, row().d], [ROWS, ROWS])
  database.close()
})

resume('MySQL: each line exactly once', async () => {
  const { url } = needed(await servers.mysql())
  const client = await createConnection({ uri: url })
  await client.query(`CREATE TABLE ${TABLE} (id integer, name text)`)
  try {
    const row = async () => {
      const [rows] = await client.query(`SELECT count(*) AS n, count(DISTINCT id) AS d FROM ${TABLE}`)
      return (rows as Count[])[0]!
    }
    await killedAndResumed(url, async () => (await row()).n)
    assert.equal({ ...(await row()) }, { n: ROWS, d: ROWS })
  } finally {
    await client.query(`DROP TABLE ${TABLE}`)
    await client.end()
  }
})

resume('Redis: each line at least once', async () => {
  const { url } = needed(await servers.redis())
  const client = new Redis(url)
  try {
    await killedAndResumed(url, () => client.xlen(TABLE))
    const entries = await client.xrange(TABLE, '-', '+')
    assert.is(new Set(entries.map(([, fields]) => fields[fields.indexOf('id') + 1])).size, ROWS)
  } finally {
    await client.del(TABLE)
    await client.hdel('batchflow:positions', file)
    await client.quit()
  }
})

interface Count {
  readonly n: number
  readonly d: number
}

resume.run()
