import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CliError, type ExitCode } from '../../src/cli/errors.ts'
import { programOf } from '../../src/cli/program.ts'
import { folder } from './command.ts'

const options = suite('cli options')
const place = folder()
let tables = 0
process.setMaxListeners(0) // each command listens for signals until its process ends

/** In this process: what a process of its own takes to begin would be most of the time here. */
async function load(...args: string[]): Promise<ExitCode | undefined> {
  let code: ExitCode | undefined
  const program = programOf('0', (ended) => {
    code = ended
  })
  await program.parseAsync(['load', '-q', ...args], { from: 'user' })
  return code
}

async function refused(...args: string[]): Promise<CliError> {
  try {
    await load(...args)
  } catch (error) {
    assert.instance(error, CliError)
    return error as CliError
  }
  throw new Error('it was not refused')
}

/** Loads each text into one new table, and tells what is in it then. */
async function loaded(texts: readonly (readonly [text: string, ...args: string[]])[], name = 'a.csv') {
  const table = `t${++tables}`
  const file = join(place, 'a.db')
  for (const [text, ...args] of texts) {
    const path = join(place, name)
    writeFileSync(path, text)
    assert.is(await load('--to', file, '-t', table, '--create', ...args, path), 0)
  }
  const database = new Database(file)
  const rows = database.prepare(`SELECT * FROM ${table} ORDER BY 1`).raw().all()
  database.close()
  return rows
}

const path = join(place, 'some.csv')
writeFileSync(path, 'id\n1\n')

options('a file that is none, and what a file cannot hold, are named', async () => {
  const messages = []
  mkdirSync(join(place, 'folder.csv'))
  writeFileSync(join(place, 'a.constructor'), '')
  const to = ['--to', join(place, 'a.db'), '-t', 't', '--create']
  for (const name of ['folder.csv', 'a.constructor']) messages.push((await refused(...to, join(place, name))).message)
  for (const delimiter of ['"', '']) messages.push((await refused(...to, '--delimiter', delimiter, path)).message)
  messages.push((await refused(...to, '--format', 'csv', '/dev/null')).message)
  for (const to of ['mysql://u:secret%w@127.0.0.1/x', 'redis://u:secret%w@127.0.0.1/0'])
    messages.push((await refused('--to', to, '-t', 't', path)).message)
  assert.match(messages[0]!, 'folder.csv is a folder, no file')
  assert.match(messages[1]!, '--format has to say what')
  const wanted = '--delimiter must be a text of at least one character, without quotes and line breaks; received'
  assert.equal(messages.slice(2, 4), [`${wanted} "\\""`, `${wanted} ""`])
  assert.match(
    messages[4]!,
    '/dev/null can be read only once: hand it over as standard input, - --format … < /dev/null',
  )
  for (const message of messages.slice(5)) assert.is(message, '--to must be a URL in which %25 stands for a %')
})

options('a SQLite database that is not there is made by --create alone', async () => {
  const to = join(place, 'none.db')
  const { message } = await refused('--to', to, '-t', 't', path)
  assert.is(message, `there is no database ${to}; load --create makes it`)
  assert.is(await load('--to', to, '-t', 't', '--create', '--dry-run', path), 0)
  assert.not.ok(existsSync(to))
  assert.is(await load('--to', to, '-t', 't', '--create', path), 0)
  assert.ok(existsSync(to))
})

const update = ['--on-conflict', 'update:id']

options('--newer keeps rows that are newer', async () => {
  const newer = [...update, '--newer', 'version']
  const rows = await loaded([
    ['id,name,version\n1,a,5\n2,b,5\n', ...newer],
    ['id,name,version\n1,older,4\n2,newer,6\n', ...newer],
  ])
  assert.equal(rows, [
    [1, 'a', 5],
    [2, 'newer', 6],
  ])
})

options('ignore keeps what is there', async () => {
  const first = ['id,name\n1,a\n', ...update] as const
  assert.equal(await loaded([first, ['id,name\n1,b\n2,c\n', '--on-conflict', 'ignore']]), [
    [1, 'a'],
    [2, 'c'],
  ])
  assert.equal(await loaded([first, ['id,name\n1,b\n', '--on-conflict', 'ignore:id']]), [[1, 'a']])
})

options('a field that a record lacks is NULL for replace, and stays for update', async () => {
  const first = '{"id":1,"name":"a"}\n{"id":2,"name":"b"}\n'
  const second = '{"id":1}\n{"id":2,"name":"c"}\n'
  for (const [action, kept] of [
    ['replace:id', null],
    ['update:id', 'a'],
  ] as const) {
    const conflict = ['--on-conflict', action]
    const rows = await loaded(
      [
        [first, ...conflict],
        [second, ...conflict],
      ],
      'a.ndjson',
    )
    assert.equal(rows, [
      [1, kept],
      [2, 'c'],
    ])
  }
})

options('--map renames, --columns chooses, --null names what is NULL', async () => {
  const text = 'key,full name,junk\n1,Ada,x\n2,\\N,y\n3,"",z\n'
  const args = ['--map', 'key=id', '--map', 'full name=name', '--columns', 'name,id', '--null', '\\N']
  assert.equal(await loaded([[text, ...args]]), [
    [null, 2],
    ['', 3],
    ['Ada', 1],
  ])
})

options('--no-header has its fields named by --columns; .tsv and --delimiter', async () => {
  const rows = [
    [1, 'a, b'],
    [2, null],
  ]
  const bare = ['--no-header', '--columns', 'id,name']
  assert.equal(await loaded([['1\ta, b\n2\t\n', ...bare]], 'a.tsv'), rows)
  assert.equal(await loaded([['1|a, b\n2|\n', ...bare, '--delimiter', '|']]), rows)
  const error = await refused('--to', 'a.db', '-t', 'a', '--no-header', join(place, 'a.csv'))
  assert.equal([error.exitCode, error.message], [2, '--no-header needs --columns'])
})

options('a field that is no column ends the load before it begins', async () => {
  const path = join(place, 'b.csv')
  await loaded([['id\n1\n']])
  writeFileSync(path, 'id,other\n1,2\n')
  const error = await refused('--to', join(place, 'a.db'), '-t', `t${tables}`, path)
  assert.is(error.exitCode, 3)
  assert.match(error.message, 'has no column other; it has id')
})

options('Parquet goes in, too', async () => {
  const path = join(import.meta.dirname, 'files/types.parquet')
  const file = join(place, 'p.db')
  assert.is(await load('--to', file, '-t', 'p', '--create', path), 0)
  const database = new Database(file)
  const rows = database.prepare('SELECT CAST(id AS text), text, flag, at, bytes FROM p').raw().all() as unknown[][]
  database.close()
  assert.equal(
    rows.map(([id, text, flag, at]) => [id, text, flag, at]),
    [
      ['9007199254740993', 'ä, "x"', 1, '2026-01-31T00:00:00.123456Z'],
      [null, null, 0, null],
      ['-1', '', null, '1969-12-31T23:59:59.999999Z'],
    ],
  )
  assert.equal([...(rows[0]![4] as Uint8Array)], [255, 0])
})

options.run()
