import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { command, type Ended } from './command.ts'
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

const HEAD = 'id,name\n1,a\n2,b\n'
const to = join(place, 'b.db')
const database = new Database(to)
let tables = 0

/** A file and a table of its own. `load` resumes it, from standard input where that is said. */
function prepared(name: string, text: string) {
  const table = `t${++tables}`
  database.exec(`CREATE TABLE ${table} (id integer, name text)`)
  const file = join(place, name)
  writeFileSync(file, text)
  const args = ['load', '--to', to, '-t', table, '--columns', 'id,name']
  return {
    file,
    load: (...more: string[]) => command([...args, '--resume', ...more, file]),
    pipe: (text: string) => command([...args, '--format', 'csv', '--resume-as', name, '-'], text),
    ids: () => database.prepare(`SELECT id FROM ${table} ORDER BY id`).raw().all().flat(),
  }
}

function refused({ code, stderr }: Ended): void {
  assert.is(code, 3, stderr)
  assert.match(stderr, /is not the file that was loaded before: .* --resume-as <another name>/)
  assert.not.match(stderr, 'goes on from there')
  assert.not.match(stderr, 'going on behind')
}

resume('a file that grew goes on, one of the same length that is another does not', async () => {
  const { file, load, ids } = prepared('grown.csv', HEAD)
  assert.is((await load()).code, 0)
  appendFileSync(file, '3,c\n')
  const grown = await load()
  assert.is(grown.code, 0, grown.stderr)
  assert.match(grown.stderr, 'going on behind line 3')
  assert.equal(ids(), [1, 2, 3])
  writeFileSync(file, `${HEAD.replace('2,b', '8,b')}3,c\n`)
  refused(await load())
  assert.equal(ids(), [1, 2, 3])
  assert.is((await load('--resume-as', 'another')).code, 0)
  assert.equal(ids(), [1, 1, 2, 3, 3, 8])
})

resume('a shorter file, and a last line that went on, are no file that was loaded', async () => {
  const { file, load, ids } = prepared('shorter.csv', `${HEAD}3,c`)
  assert.is((await load()).code, 0)
  writeFileSync(file, HEAD)
  refused(await load())
  writeFileSync(file, `${HEAD}3,cd\n4,e\n`)
  refused(await load())
  assert.equal(ids(), [1, 2, 3])
})

resume('standard input is known again, too', async () => {
  const { pipe, ids } = prepared('pipe', '')
  assert.is((await pipe(HEAD)).code, 0)
  assert.is((await pipe(`${HEAD}3,c`)).code, 0)
  refused(await pipe(HEAD))
  refused(await pipe(`${HEAD}3,cd\n4,e\n`))
  refused(await pipe('id,name\n1,a\n7,b\n3,c\n4,d\n'))
  assert.equal(ids(), [1, 2, 3])
})

resume('positions from the time before files were known again go on', async () => {
  const { file, load, ids } = prepared('older.csv', HEAD)
  assert.is((await load()).code, 0)
  const older = database.prepare("UPDATE batchflow_positions SET position = '3-3@16@3' WHERE scope LIKE ?")
  assert.is(older.run(`%${file}%`).changes, 1)
  appendFileSync(file, '3,c\n')
  assert.is((await load()).code, 0)
  assert.equal(ids(), [1, 2, 3])
  writeFileSync(file, `${HEAD.replace('2,b', '8,b')}3,c\n`)
  refused(await load())
})

resume.after(() => void database.close())
resume.run()
