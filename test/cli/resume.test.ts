import { join } from 'node:path'
import Database from 'libsql'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Count, killedAndResumed, place, ROWS, TABLE } from './killed.ts'

const resume = suite('cli resume')

resume('SQLite: each line exactly once', async () => {
  const path = join(place, 'a.db')
  const database = new Database(path)
  database.exec(`PRAGMA journal_mode = WAL; CREATE TABLE ${TABLE} (id integer, name text)`)
  const row = () => database.prepare(`SELECT count(*) AS n, count(DISTINCT id) AS d FROM ${TABLE}`).get() as Count
  await killedAndResumed(path, () => row().n)
  assert.equal([row().n, row().d], [ROWS, ROWS])
  database.close()
})

resume.run()
