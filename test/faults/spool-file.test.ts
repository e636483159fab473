/** What can happen to the file of a spool: a full disk, a process that has it, damage. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { spool } from '../../src/sources/spool/spool.ts'
import { SpoolError } from '../../src/sources/spool/spool-error.ts'
import { spoolPublisher } from '../../src/sources/spool/spool-publisher.ts'
import { Host, SpoolFiles } from '../sources/spool/spool-files.ts'
import { rejectsWith } from '../support/assertions.ts'
import { InlineProgram } from '../support/programs/inline.ts'

const test = suite('the file of a spool')
const rows = defineTable<{ id: number; name: string }>('rows', { columns: ['id', 'name'] })
const SOURCE = { position: 'source' } as const
const one = { partitions: 1 }

let files: SpoolFiles
test.before.each(() => {
  files = new SpoolFiles()
})
test.after.each(() => files.remove())

const canMount = process.platform === 'linux' && process.getuid?.() === 0
const withMount = canMount ? test : test.skip

withMount('a disk that is full refuses rows and keeps those it has; with room it takes them again', async () => {
  const disk = join(files.folder, 'disk')
  mkdirSync(disk)
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk])
  assert.is(status, 0, String(stderr))
  try {
    const database = files.connect(join(disk, 'spool.db'))
    const log = spool(database, one)
    const publisher = spoolPublisher(log)
    const row = (id: number) => ({ id, name: 'x'.repeat(1000) })
    const accepted: number[] = []
    let refused: unknown
    for (let id = 0; refused === undefined; id++) {
      await publisher.submit(rows, row(id)).then(
        () => accepted.push(id),
        (error) => (refused = error),
      )
    }
    assert.ok(refused instanceof SpoolError)
    assert.is(refused.reason, 'out_of_space', String(refused.cause))
    assert.ok(accepted.length > 100, String(accepted.length))
    const host = new Host()
    await log.start(host, SOURCE)
    await host.has(accepted.length)
    assert.equal(
      host.rows.map((stored) => (stored as { id: number }).id),
      accepted,
    )
    assert.is(spawnSync('mount', ['-o', 'remount,size=8m', disk]).status, 0)
    await publisher.submit(rows, row(-1))
    await host.has(accepted.length + 1)
    await log.acknowledge('0', host.messages)
    await log.close()
    assert.is(log.stats().messages, 0)
    database.close()
  } finally {
    spawnSync('umount', ['-l', disk])
  }
})

const holder = (path: string) => `
  import Database from 'libsql'
  import { defineTable } from './src/contract/table.ts'
  import { spool, spoolPublisher } from './src/sources/spool/index.ts'
  const log = spool(new Database(${JSON.stringify(path)}), { partitions: 1 })
  const rows = defineTable('rows', { columns: ['id', 'name'] })
  await spoolPublisher(log).submit(rows, { id: 1, name: 'x' })
  console.log('has it')
  setInterval(() => {}, 1000)
`

test('the process that has it keeps others out, and is out of the way once it is killed', async () => {
  const first = new InlineProgram(holder(files.path))
  await first.says('has it')
  const database = files.connect()
  const error = await rejectsWith(SpoolError, 'ERR_BATCHFLOW_SPOOL', /a spool has one process/, () =>
    spool(database, one),
  )
  assert.is(error.reason, 'locked')
  first.child.kill('SIGKILL')
  await first.ended()
  const log = spool(database, one)
  const host = new Host()
  await log.start(host, SOURCE)
  await host.has(1)
  assert.equal(host.rows, [{ id: 1, name: 'x' }])
  await log.close()
})

test('damage is told, by whoever meets it', async () => {
  const before = spool(files.connect(), one)
  const publisher = spoolPublisher(before)
  for (let id = 0; id < 100; id++) await publisher.submit(rows, { id, name: 'x'.repeat(2000) })
  await before.close()
  const file = openSync(files.path, 'r+')
  const { size } = statSync(files.path)
  const garbage = Buffer.alloc(4096, 0xa5)
  for (let at = size - 40 * 4096; at < size; at += 4096) writeSync(file, garbage, 0, 4096, at)
  closeSync(file)
  const host = new Host()
  const reading = async () => {
    const log = spool(files.connect(), one)
    await log.start(host, SOURCE)
    await host.has(101)
    throw host.troubles[0]
  }
  const error = await rejectsWith(SpoolError, 'ERR_BATCHFLOW_SPOOL', /the file is damaged: move it away/, reading)
  assert.is(error.reason, 'corrupt')
})

test('a file of something else is left alone', async () => {
  writeFileSync(files.path, 'not a database, '.repeat(500))
  const { size } = statSync(files.path)
  await rejectsWith(SpoolError, 'ERR_BATCHFLOW_SPOOL', /no SQLite database/, () => spool(files.connect()))
  assert.is(statSync(files.path).size, size)
})

test.run()
