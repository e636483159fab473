import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'libsql'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RowFailedError } from '../../src/contract/errors.ts'
import { deadLetterFile } from '../../src/dead-letters/dead-letter-file.ts'
import { needed, servers } from '../support/servers/servers.ts'
import { command, folder, start } from './command.ts'

const load = suite('cli load')
const place = folder()
const { url } = needed(await servers.postgres())
const pool = new pg.Pool({ connectionString: url, max: 1 })
const TABLE = `cli_load_${process.pid}`
load.before.each(async () => void (await pool.query(`DROP TABLE IF EXISTS ${TABLE}`)))
load.after(async () => {
  await pool.query(`DROP TABLE IF EXISTS ${TABLE}`)
  await pool.end()
})

function file(name: string, text: string): string {
  const path = join(place, name)
  writeFileSync(path, text)
  return path
}

const ROWS = 20_000
const many = file('many.csv', `id,name\n${Array.from({ length: ROWS }, (_, i) => `${i + 1},"name, ${i}"\n`).join('')}`)

async function counts(): Promise<{ rows: number; distinct: number }> {
  const { rows } = await pool.query(`SELECT count(*)::int AS rows, count(DISTINCT id)::int AS distinct FROM ${TABLE}`)
  return rows[0]
}

load(
  'standard input goes into SQLite, twice the same with a conflict action; a pipe has no control characters',
  async () => {
    const to = `sqlite:${join(place, 'a.db')}`
    const args = ['load', '--to', to, '-t', 'people', '--format', 'csv', '--create', '--on-conflict', 'update:id', '-']
    const text = 'id,name,big\r\n1,"Ada, ""L""",9007199254740993\r\n2,,\r\n3,"",1\r\n'
    for (let i = 0; i < 2; i++) {
      const { code, stdout, stderr } = await command(args, text)
      assert.is(code, 0, stderr)
      assert.match(stdout, /^3 rows in .* into people of SQLite .*, 0 failed\n$/)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is the point
      assert.not.match(stdout + stderr, /[\u0000-\u0009\u000b-\u001f\u007f]/)
    }
    const database = new Database(join(place, 'a.db'))
    assert.equal(database.prepare('SELECT name, CAST(big AS text) AS big FROM people ORDER BY id').all(), [
      { name: 'Ada, "L"', big: '9007199254740993' },
      { name: null, big: null },
      { name: '', big: '1' },
    ])
    database.close()
  },
)

load('rows that fail are told by file, line and column, kept, and come back', async () => {
  const letters = join(place, 'letters.ndjson')
  const path = file('bad.ndjson', '{"id":1}\n{"id": secret}\n{"id":"secret"}\n{"id":4}\n')
  const args = ['load', '--to', url, '-t', TABLE, '--create', '--type', 'id=integer', '--sample', '1']
  const first = await command([...args, '--dead-letter', letters, path])
  assert.is(first.code, 1)
  assert.match(first.stderr, 'bad.ndjson:2:8: no JSON')
  assert.match(first.stderr, 'bad.ndjson:3: invalid_data (22P02), column "id" is no integer')
  assert.not.match(first.stderr + first.stdout, 'secret')
  assert.equal(await counts(), { rows: 2, distinct: 2 })
  assert.is(readFileSync(letters, 'utf8').trim().split('\n').length, 1)
  assert.equal(JSON.parse(readFileSync(`${letters}.unread`, 'utf8')), { file: path, line: 2 })
  const vain = await command(['replay', '--to', url, letters])
  assert.is(vain.code, 1)
  assert.match(vain.stderr, /row of table "\w+" failed after 1 attempt: invalid_data \(22P02\)/)
  assert.is(readFileSync(letters, 'utf8').trim().split('\n').length, 1)
  await pool.query(`ALTER TABLE ${TABLE} ALTER id TYPE text`)
  const again = await command(['replay', '--to', url, letters])
  assert.is(again.code, 0, again.stderr)
  assert.equal(await counts(), { rows: 3, distinct: 3 })
})

for (const resume of [[], ['--resume']]) {
  load(`each row that fails among many is told once ${resume}`, async () => {
    await pool.query(`CREATE TABLE ${TABLE} (id integer, name text)`)
    const letters = join(place, `among${resume}.ndjson`)
    const bad: Record<number, string> = { 3: 'x,', 7: 'y,', 150: '1,2,3', 151: 'z,' }
    const lines = Array.from({ length: 999 }, (_, i) => bad[i + 2] ?? `${i + 2},${i}`)
    const path = file(`among${resume}.csv`, ['id,name', ...lines, ''].join('\n'))
    const args = ['load', '--to', url, '-t', TABLE, '--dead-letter', letters, '--batch', '300', ...resume, path]
    const { code, stdout, stderr } = await command(args)
    assert.is(code, 1, stderr)
    assert.match(stdout, /^995 rows .* 4 failed\n$/)
    assert.equal(
      Array.from(stderr.matchAll(/csv:(\d+)/g), ([, line]) => Number(line)).sort((a, b) => a - b),
      [3, 7, 150, 151],
    )
    assert.equal(await counts(), { rows: 995, distinct: 995 })
    assert.is(readFileSync(letters, 'utf8').trim().split('\n').length, 3)
    assert.equal(JSON.parse(readFileSync(`${letters}.unread`, 'utf8')), { file: path, line: 150 })
  })
}

load('letters whose properties have columns of other names come back to them', async () => {
  const letters = join(place, 'named.ndjson')
  const keep = deadLetterFile(letters)
  const details = { reason: 'constraint', attempts: 1, cause: undefined, fault: 'row', ambiguous: false } as const
  const rows = [
    { id: 1, createdAt: '2026-01-01' },
    { id: 1, createdAt: '2026-01-02' },
  ]
  await keep(
    rows.map((row) => ({ table: 'orders', row, error: new RowFailedError('orders', details), ambiguous: false })),
  )
  await keep.close()
  const path = join(place, 'named.db')
  const database = new Database(path)
  database.exec('CREATE TABLE orders (order_id integer PRIMARY KEY, created_at text)')
  const replay = ['replay', '--to', `sqlite:${path}`, letters, '--map', 'createdAt=created_at', '--map']
  const wrong = await command([...replay, 'di=order_id'])
  assert.is(wrong.code, 2)
  assert.match(wrong.stderr, '--map: no letter has a property "di"')
  const conflict = ['--on-conflict', 'update:order_id', '--newer', 'created_at']
  const { code, stderr } = await command([...replay, 'id=order_id', ...conflict])
  assert.is(code, 0, stderr)
  assert.equal(database.prepare('SELECT * FROM orders').all(), [{ order_id: 1, created_at: '2026-01-02' }])
  database.close()
})

load('deletions of a dead-letter file are replayed, where keys are named', async () => {
  await pool.query(`CREATE TABLE ${TABLE} (id integer PRIMARY KEY, name text)`)
  await pool.query(`INSERT INTO ${TABLE} VALUES (1, 'a'), (2, 'b')`)
  const line = (v: number, row: object) =>
    `${JSON.stringify({ v, id: `${v}`, time: '', table: TABLE, reason: 'connection', ambiguous: false, row })}\n`
  const letters = file('deletions.ndjson', line(2, { $delete: { id: 1 } }) + line(1, { id: 3, name: 'c' }))
  const without = await command(['replay', '--to', url, letters])
  assert.is(without.code, 2)
  assert.match(without.stderr, 'there are deletions of table')
  const strange = line(1, { other: 1 }).replace(TABLE, 'elsewhere')
  appendFileSync(letters, strange)
  const again = await command(['replay', '--to', url, '-t', TABLE, '--on-conflict', 'update:id', letters])
  assert.is(again.code, 1, again.stderr)
  assert.match(again.stdout, '2 rows committed, 0 failed again, 1 kept, 0 unreadable, 1 letters left')
  const { rows } = await pool.query(`SELECT id FROM ${TABLE} ORDER BY id`)
  assert.equal(rows, [{ id: 2 }, { id: 3 }])
})

load('a load that is killed goes on where it stopped: each line exactly once', async () => {
  await pool.query(`CREATE TABLE ${TABLE} (id integer, name text)`)
  const args = ['load', '--to', url, '-t', TABLE, '--resume', '--batch', '500', many]
  const { child, ended } = start([...args, '--rate', '8000'])
  while ((await counts()).rows < 2_000) await sleep(20)
  child.kill('SIGKILL')
  await ended
  const { rows } = await counts()
  assert.ok(rows < ROWS, 'it was killed too late')
  const { code, stderr } = await command(args)
  assert.is(code, 0, stderr)
  assert.match(stderr, 'going on behind line')
  assert.equal(await counts(), { rows: ROWS, distinct: ROWS })
})

load('Ctrl-C drains and says where it stopped', async () => {
  await pool.query(`CREATE TABLE ${TABLE} (id integer, name text)`)
  const { child, ended } = start(['load', '--to', url, '-t', TABLE, '--rate', '5000', '--json', many])
  while ((await counts()).rows < 1_000) await sleep(20)
  child.kill('SIGINT')
  const { code, stdout, stderr } = await ended
  assert.is(code, 130, stderr)
  const { rows, line, interrupted } = JSON.parse(stdout)
  assert.equal([(await counts()).rows, line, interrupted], [rows, rows + 1, true])
  assert.match(stderr, `up to line ${line} is settled`)
})

load('what is wrong on the command line ends with 2, what cannot go on with 3', async () => {
  const usage = await command(['load', '--to', 'https://user:secret@host', '-t', 'a', many])
  assert.is(usage.code, 2)
  assert.not.match(usage.stderr, 'secret')
  const missing = await command(['load', '--to', url, '-t', TABLE, many])
  assert.is(missing.code, 3)
  assert.match(missing.stderr, `there is no table ${TABLE}; --create makes it`)
})

load.run()
