import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const repository = join(import.meta.dirname, '..')

interface Result {
  readonly code: number
  readonly text: string
  readonly lastLine: string
}

/** Runs the real runner, in a process, over the given files. */
async function run(files: Record<string, string>, filters: string[] = [], env: NodeJS.ProcessEnv = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-runner-'))
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  for (const [name, body] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), body)
  }
  try {
    return await new Promise<Result>((resolve) => {
      const args = ['--import', 'tsx', join(repository, 'test/run.ts'), ...filters]
      const limits = { TEST_ROOT: folder, TEST_TIMEOUT: '20000', TEST_LINGER: '400', CI: '' }
      const options = { cwd: repository, env: { ...process.env, ...limits, ...env } }
      execFile(process.execPath, args, options, (error, stdout, stderr) => {
        const text = stdout + stderr
        resolve({ code: Number(error?.code ?? 0), text, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '' })
      })
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A test file around `body`, where `check` is a suite. It is put together here so that no hole shows in this file. */
function file(body: string, ending = 'check.run()'): string {
  return [`import { suite } from 'uvu'`, `const check = ${'suite'}('check')`, body, ending].join('\n')
}

const passing = file(`check('one', () => {})\ncheck('two', () => {})`)

test('passing files are one quiet line each, and the totals stand alone on the last line', async () => {
  const result = await run({
    'a.test.ts': passing,
    'live/b.test.ts': file(`check('three', () => console.log('noise'))`),
  })
  assert.is(result.code, 0, result.text)
  assert.is(result.lastLine, '3 passed, 0 failed')
  assert.match(result.text, /^ok {3}test\/a\.test\.ts {2}2 passed {2}\d+ ms$/m)
  assert.not.match(result.text, /noise/)
})

test('a failing test fails the run and shows everything its file printed', async () => {
  const body = `check('bad', () => { console.log('a hint'); throw new Error('the cause') })`
  const result = await run({ 'a.test.ts': passing, 'b.test.ts': file(body) })
  assert.is(result.code, 1)
  assert.is(result.lastLine, '2 passed, 1 failed')
  assert.match(result.text, /a hint/)
  assert.match(result.text, /the cause/)
})

const holes: Record<string, { body: string; says: RegExp; last?: string }> = {
  'a file without .run()': { body: file(`check('one', () => {})`, ''), says: /is \.run\(\) missing\?/ },
  'one suite of two without .run()': {
    body: file(`const other = ${'suite'}('other')\nother('lost', () => {})\ncheck('one', () => {})`),
    says: /suite other has no other\.run\(\)/,
    last: '1 passed, 1 failed',
  },
  'a file with an empty suite': { body: file(''), says: /no test ran: the suites are empty/ },
  'an error in before': {
    body: file(`check.before(() => { throw new Error('x') })\ncheck('one', () => {})`),
    says: /hook threw/,
    last: '0 passed, 2 failed',
  },
  'an error in after': {
    body: file(`check.after(() => { throw new Error('x') })\ncheck('one', () => {})`),
    says: /ended before its summary, exit code 1/,
  },
  'an error in after.each': {
    body: file(`check.after.each(() => { throw new Error('x') })\ncheck('one', () => {})`),
    says: /hook threw/,
    last: '0 passed, 2 failed',
  },
  'a test that never settles': {
    body: file(`check('one', () => new Promise(() => {}))`),
    says: /ended before its summary/,
  },
  'an error while the file loads': { body: file(`throw new Error('at load')`), says: /at load/ },
  'a process that ends itself early': { body: file(`check('one', () => process.exit())`), says: /before its summary/ },
  'an unhandled rejection after the summary': {
    body: file(`check('one', () => { setTimeout(() => Promise.reject(new Error('late')), 100) })`),
    says: /every test passed, yet .* exit code 1/,
    last: '1 passed, 1 failed',
  },
  'a failure whose exit code a later summary overwrites': {
    body: file(
      `check('one', () => { throw new Error('first') })\ncheck.run()
       await new Promise((done) => setTimeout(done, 50))\ncheck('two', () => {})`,
    ),
    says: /first/,
    last: '1 passed, 1 failed',
  },
  'a handle left open': {
    body: file(`check('one', () => { setInterval(() => {}, 1000) })`),
    says: /still running 400 ms after its summary/,
    last: '1 passed, 1 failed',
  },
  'a process left behind': {
    body: file(
      `import { spawn } from 'node:child_process'
       check('one', () => { spawn('sleep', ['60'], { stdio: 'inherit' }).unref() })`,
    ),
    says: /left a process behind/,
    last: '1 passed, 1 failed',
  },
  'a syntax error': { body: 'const = 1', says: /ended before its summary/ },
}

for (const [name, { body, says, last = '0 passed, 1 failed' }] of Object.entries(holes)) {
  test(`fails on ${name}`, async () => {
    const result = await run({ 'hole.test.ts': body })
    assert.is(result.code, 1, result.text)
    assert.match(result.text, says)
    assert.is(result.lastLine, last, result.text)
  })
}

test('fails on a file that exceeds its time limit', async () => {
  const body = file(`check('one', () => new Promise(() => { setInterval(() => {}, 1000) }))`)
  const result = await run({ 'hole.test.ts': body }, [], { TEST_TIMEOUT: '1500' })
  assert.is(result.code, 1)
  assert.match(result.text, /not finished within 1500 ms/)
})

test('fails when no file matches the filter, runs only those that match', async () => {
  const files = { 'a.test.ts': passing, 'b.test.ts': file(`check('three', () => {})`) }
  const none = await run(files, ['nowhere'])
  assert.is(none.code, 1)
  assert.is(none.lastLine, '0 passed, 1 failed')
  const some = await run(files, ['b.test'])
  assert.is(some.code, 0)
  assert.is(some.lastLine, '1 passed, 0 failed')
})

test('a suite without its server is counted and shown as skipped, and fails in CI', async () => {
  const files = { 'a.test.ts': `console.log('SKIPPED redis: apt-get install redis-server')`, 'b.test.ts': passing }
  const here = await run(files)
  assert.is(here.code, 0, here.text)
  assert.is(here.lastLine, '2 passed, 0 failed, 1 skipped')
  assert.match(here.text, /SKIPPED redis: apt-get install redis-server/)
  const ci = await run(files, [], { CI: 'true' })
  assert.is(ci.code, 1)
  assert.is(ci.lastLine, '2 passed, 1 failed')
})

test('skipped tests are counted, a left-over focus fails in CI', async () => {
  const files = {
    'a.test.ts': file(`check.skip('later', () => {})\ncheck('one', () => {})\n${'check.'}only('two', () => {})`),
  }
  assert.is((await run(files)).lastLine, '1 passed, 0 failed, 2 skipped')
  assert.is((await run(files, [], { CI: 'true' })).code, 1)
})

test.run()
