import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deadLetterFile } from '../../src/dead-letters/dead-letter-file.ts'
import { DeadLetterFileError } from '../../src/dead-letters/errors.ts'
import { linesOf, seal, segmentsOf, setAside } from '../../src/dead-letters/segments.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { rejectsWith } from '../support/assertions.ts'
import { idOf, idsIn, letter, letters, temporaryFolder } from '../support/dead-letters/files.ts'
import { rig } from '../support/engine/flow.ts'
import { MemoryDriver, MemoryError } from '../support/engine/memory-driver.ts'
import { user, users } from '../support/engine/tables.ts'

const test = suite('deadLetterFile')
const folder = temporaryFolder(test)
const CODE = 'ERR_BATCHFLOW_DEAD_LETTER_FILE'

/** A path of its own for each test. */
const fresh = () => join(folder.path, `${++made}.ndjson`)
let made = 0

test('a flow keeps rows that failed, and resolves when they are written', async () => {
  const path = fresh()
  const file = deadLetterFile(path)
  const driver = new MemoryDriver((run) => run.succeed([{ index: 0, error: new MemoryError('constraint') }]))
  const { flow } = rig({ flushSize: 2, deadLetter: file }, undefined, driver)
  const failed = flow.write(users, user(1)).catch((error) => error)
  await flow.write(users, user(2))
  assert.is((await failed).reason, 'constraint')
  const { table, reason, row } = JSON.parse(readFileSync(path, 'utf8'))
  assert.equal({ table, reason, row }, { table: 'users', reason: 'constraint', row: user(1) })
  assert.equal((await flow.close()).undelivered, [])
  await file.close()
})

test('only the owner may read it', async () => {
  const path = fresh()
  await deadLetterFile(path)([letter(1)])
  assert.is(statSync(path).mode & 0o777, 0o600)
})

test('no letters make no file', async () => {
  const path = fresh()
  await deadLetterFile(path)([])
  assert.not(existsSync(path))
})

test('who comes at the same time shares a write, in order', async () => {
  const path = fresh()
  const file = deadLetterFile(path, { fsync: true })
  const order: number[] = []
  await Promise.all([1, 2, 3].map((id) => file([letter(id)]).then(() => order.push(id))))
  assert.equal(order, [1, 2, 3])
  assert.equal(idsIn(path), [1, 2, 3])
})

test('a file that is full is set aside under a name of its own, and no letter is split or lost', async () => {
  const path = fresh()
  const file = deadLetterFile(path, { maxBytes: 2500, fsync: false })
  for (let id = 0; id < 40; id += 2) await file(letters(id, 2))
  const files = [...(await segmentsOf(path)), path]
  assert.ok(files.length > 3)
  for (const one of files) assert.ok(statSync(one).size <= 2500)
  assert.equal(
    files.flatMap(idsIn),
    Array.from({ length: 40 }, (_, id) => id),
  )
})

test('many who come at once are spread over files, too', async () => {
  const path = fresh()
  const file = deadLetterFile(path, { maxBytes: 1000 })
  await Promise.all(Array.from({ length: 30 }, (_, id) => file([letter(id)])))
  const files = [...(await segmentsOf(path)), path]
  for (const one of files) assert.ok(statSync(one).size <= 1000)
  assert.equal(
    files.flatMap(idsIn),
    Array.from({ length: 30 }, (_, id) => id),
  )
})

test('letters of one batch are one file, however small that is to be', async () => {
  const path = fresh()
  const file = deadLetterFile(path, { maxBytes: 1 })
  await file(letters(0, 3))
  await file(letters(3, 3))
  const [first, ...others] = await segmentsOf(path)
  assert.equal(others, [])
  assert.equal(
    [idsIn(first!), idsIn(path)],
    [
      [0, 1, 2],
      [3, 4, 5],
    ],
  )
})

test('with all files full the handler rejects rather than throw letters away; room comes by itself', async () => {
  const path = fresh()
  const file = deadLetterFile(path, { maxBytes: 1, maxFiles: 2 })
  await file([letter(1)])
  await file([letter(2)])
  const message = `2 files of dead letters are full at ${path}: replay them, or move them away`
  await rejectsWith(DeadLetterFileError, CODE, message, () => file([letter(3)]))
  const [oldest] = await segmentsOf(path)
  unlinkSync(oldest!)
  await file([letter(4)])
  assert.equal(idsIn(path), [4])
})

test('half a line that a crash left is ended, so that the next letter is whole', async () => {
  const path = fresh()
  appendFileSync(path, '{"v":1,"table":"us')
  const file = deadLetterFile(path)
  await file([letter(1)])
  await file([letter(2)])
  const lines = readFileSync(path, 'utf8').split('\n')
  assert.is(lines[0], '{"v":1,"table":"us')
  assert.equal(idsIn(path), [1, 2])
  assert.is(lines.length, 4)
})

test('a file that was renamed or deleted is begun anew', async () => {
  const path = fresh()
  const file = deadLetterFile(path)
  await file([letter(1)])
  renameSync(path, `${path}.old`)
  await file([letter(2)])
  unlinkSync(path)
  await file([letter(3)])
  assert.equal([idsIn(`${path}.old`), idsIn(path)], [[1], [3]])
})

test('two writers and a reader who takes the file away lose no letter, and have none twice', async () => {
  const path = fresh()
  const files = [deadLetterFile(path, { fsync: false }), deadLetterFile(path, { fsync: false })]
  const all: number[] = []
  let done = false
  const writing = files.map(async (file, nth) => {
    for (let i = 0; i < 300; i++) await file([letter(nth * 1000 + i)])
  })
  const taking = (async () => {
    while (!done) {
      await setAside(path)
      for (const segment of await segmentsOf(path)) {
        await seal(segment)
        for await (const { bytes } of linesOf(segment, 0)) all.push(idOf(String(bytes))!)
        unlinkSync(segment)
      }
    }
  })()
  await Promise.all(writing)
  done = true
  await taking
  if (existsSync(path)) all.push(...idsIn(path))
  assert.is(new Set(all).size, all.length, 'none twice')
  assert.is(all.length, 600)
})

test('what cannot be written is refused with its cause', async () => {
  const path = fresh()
  const file = deadLetterFile(path)
  mkdirSync(path)
  const message = `cannot write dead letters to ${path}: EISDIR`
  const error = await rejectsWith(DeadLetterFileError, CODE, message, () => file([letter(1)]))
  assert.is((error.cause as NodeJS.ErrnoException).code, 'EISDIR')
  assert.is(error.path, path)
})

test('a full disk leaves the letters with the flow', async () => {
  if (!existsSync('/dev/full')) return
  const file = deadLetterFile('/dev/full', { fsync: false })
  await rejectsWith(DeadLetterFileError, CODE, 'cannot write dead letters to /dev/full: ENOSPC', () =>
    file([letter(1)]),
  )
})

test('a folder that is not there is found out at once', async () => {
  const path = join(folder.path, 'nowhere', 'letters')
  const message = `cannot write dead letters to ${path}: ENOENT`
  await rejectsWith(DeadLetterFileError, CODE, message, () => deadLetterFile(path))
})

test('after close nothing is taken, and what was taken is written', async () => {
  const path = fresh()
  const file = deadLetterFile(path)
  const taken = file([letter(1)])
  await file.close()
  assert.equal(idsIn(path), [1])
  await taken
  const message = `the file of dead letters ${path} is closed: close its flows before it`
  await rejectsWith(DeadLetterFileError, CODE, message, () => file([letter(2)]))
})

test('it is closed at the end of its block', async () => {
  const path = fresh()
  {
    await using file = deadLetterFile(path)
    void file([letter(1)])
  }
  assert.equal(idsIn(path), [1])
})

test('options are checked', async () => {
  const cases = [
    [() => deadLetterFile(''), 'deadLetterFile: path must be a non-empty string, received ""'],
    [
      () => deadLetterFile('x', { maxBytes: 0 }),
      'deadLetterFile: maxBytes must be an integer of at least 1, received 0',
    ],
    [
      () => deadLetterFile('x', { maxFiles: 0 }),
      'deadLetterFile: maxFiles must be an integer of at least 1, received 0',
    ],
    [() => deadLetterFile('x', { fsync: 1 } as never), 'deadLetterFile: fsync must be true or false, received 1'],
  ] as const
  for (const [act, message] of cases) await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, act)
  rmSync(join(folder.path, 'x'), { force: true })
})

test.run()
