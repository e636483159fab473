import { CommanderError } from 'commander'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readOptions } from '../../../examples/demo/options.ts'

const options = suite('demo options')

options.before.each(() => {
  delete process.env['DATABASE_URL']
})

/** What the user gets to read. */
function complaint(...argv: string[]): string {
  const write = process.stderr.write
  let said = ''
  process.stderr.write = (text: string | Uint8Array) => {
    said += String(text)
    return true
  }
  try {
    readOptions(argv)
  } catch (error) {
    assert.instance(error, CommanderError)
    assert.is.not((error as CommanderError).exitCode, 0)
  } finally {
    process.stderr.write = write
  }
  return said
}

options('defaults', () => {
  assert.equal(readOptions([]), {
    rows: 1_000_000,
    exit: false,
    json: false,
    schema: 'batchflow_demo',
    port: 9464,
    concurrency: 4,
    flushSize: 2_000,
  })
})

options('all of them', () => {
  const argv =
    '--rows all --exit --json --to postgres://me@db:5432/x --schema s1 --port 0 --concurrency 8 --flush-size 500'
  assert.equal(readOptions(argv.split(' ')), {
    rows: 3_000_000,
    exit: true,
    json: true,
    to: 'postgres://me@db:5432/x',
    schema: 's1',
    port: 0,
    concurrency: 8,
    flushSize: 500,
  })
})

options('DATABASE_URL stands in for --to', () => {
  process.env['DATABASE_URL'] = 'postgres://me@db/env'
  assert.is(readOptions([]).to, 'postgres://me@db/env')
  assert.is(readOptions(['--to', 'postgresql://me@db/argument']).to, 'postgresql://me@db/argument')
  process.env['DATABASE_URL'] = 'oracle://me@db/env'
  assert.match(
    complaint(),
    /'--to <url>' value 'oracle:\/\/me@db\/env' from env 'DATABASE_URL' is invalid\. It must be/,
  )
})

const urls = [
  ...['postgres://me:secret@db:5432/x', 'mysql://root@127.0.0.1:3306/test', 'redis://127.0.0.1', 'rediss://db:6380/2'],
  ...['sqlite:file.db', 'sqlite:/folder/file.db', 'sqlite:///folder/file.db', 'sqlite::memory:'],
]

for (const url of urls) {
  options(`--to ${url} is taken as it is`, () => {
    assert.is(readOptions(['--to', url]).to, url)
  })
}

const wrong: [argv: string[], says: string][] = [
  [
    ['--rows', '0'],
    `option '--rows <n|all>' argument '0' is invalid. It must be an integer from 1 to 3000000, or all.`,
  ],
  [['--rows', '1e3'], `option '--rows <n|all>' argument '1e3' is invalid.`],
  [['--rows', '3000001'], `option '--rows <n|all>' argument '3000001' is invalid.`],
  [['--rows'], `option '--rows <n|all>' argument missing`],
  [['--port', '65536'], `option '--port <n>' argument '65536' is invalid. It must be an integer from 0 to 65535.`],
  [['--concurrency', '0'], `option '--concurrency <n>' argument '0' is invalid. It must be an integer from 1 to 64.`],
  [
    ['--flush-size', '-1'],
    `option '--flush-size <n>' argument '-1' is invalid. It must be an integer from 1 to 100000.`,
  ],
  [
    ['--to', 'localhost'],
    `option '--to <url>' argument 'localhost' is invalid. It must be a URL: postgres://…, mysql://`,
  ],
  [['--to', 'oracle://db'], `option '--to <url>' argument 'oracle://db' is invalid.`],
  [['--to', 'mysql:db'], `option '--to <url>' argument 'mysql:db' is invalid.`],
  [['--to', 'redis://db:port'], `option '--to <url>' argument 'redis://db:port' is invalid.`],
  [['--to', 'sqlite:'], `option '--to <url>' argument 'sqlite:' is invalid.`],
  [['--to', 'sqlite:folder/'], `option '--to <url>' argument 'sqlite:folder/' is invalid.`],
  [['--schema', 'a b'], `option '--schema <name>' argument 'a b' is invalid. It must be a plain name`],
  [['--nothing'], `unknown option '--nothing'`],
  [['stray'], 'too many arguments'],
]

for (const [argv, says] of wrong) {
  options(`${argv.join(' ')} is refused by name and value`, () => {
    const said = complaint(...argv)
    assert.ok(said.includes(says), said)
  })
}

options.run()
