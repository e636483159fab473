/** What a disk that fails leads to. Its failure is a stub's: no disk at hand fails when it is asked to. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../../src/contract/table.ts'
import { Committer } from '../../../src/sources/spool/committer.ts'
import { SpoolError } from '../../../src/sources/spool/spool-error.ts'
import type { SpoolStore, Write, Written } from '../../../src/sources/spool/spool-store.ts'
import { rejectsWith } from '../../support/assertions.ts'

const test = suite('Committer')
const table = defineTable<{ id: number }>('users', { columns: ['id'] })

class Store {
  readonly file = { path: '', id: '', partitions: 1, begin: 1, reserved: 1000 }
  readonly writes: Write[] = []
  last = 0
  sync: () => Promise<void> = () => Promise.resolve()
  fails: Error | undefined

  count(): number {
    return 0
  }

  usedBytes(): number {
    return 0
  }

  write(write: Write): Written {
    this.writes.push(write)
    if (this.fails !== undefined) throw this.fails
    return { positions: write.drafts.map(() => ++this.last), deleted: [] }
  }
}

const tracing = { capture: () => undefined, captureSpan: () => undefined, startBatch: () => undefined }

function committer(store: Store): Committer {
  return new Committer(store as unknown as SpoolStore, { maxFileBytes: 1e9, overflow: 'wait', tracing })
}

const row = { partition: 0, table: table as never, text: '{}', origin: undefined, alone: false }

test('what comes while a commit is under way goes together into the next', async () => {
  const store = new Store()
  let synced!: () => void
  store.sync = () => new Promise((resolve) => (synced = resolve))
  const commits = committer(store)
  const first = commits.add(row)
  const same = commits.add(row)
  assert.is(first.group, same.group)
  while (store.writes.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const second = commits.add(row)
  assert.is.not(second.group, first.group)
  assert.is(commits.add(row).group, second.group)
  synced()
  await first.group.stored
  assert.is(commits.durable, 1)
  while (store.writes.length === 1) await new Promise((resolve) => setTimeout(resolve, 1))
  synced()
  await second.group.stored
  assert.is(store.writes.length, 2)
  assert.is(commits.durable, 2)
})

test('a sync that fails breaks it for good', async () => {
  const store = new Store()
  store.sync = () => Promise.reject(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }))
  const commits = committer(store)
  const { group } = commits.add(row)
  const error = await rejectsWith(
    SpoolError,
    'ERR_BATCHFLOW_SPOOL',
    /the disk failed, and rows may not have reached/,
    () => group.stored,
  )
  assert.is(error.reason, 'io')
  assert.ok(error.cause instanceof Error)
  assert.is(commits.durable, 0)
  assert.throws(() => commits.add(row), /open it anew/)
  await rejectsWith(SpoolError, 'ERR_BATCHFLOW_SPOOL', /the disk failed/, () => commits.putAside({} as never))
})

test('a write that fails fails its rows alone, and what was to be deleted is deleted with a later one', async () => {
  const store = new Store()
  store.fails = Object.assign(new Error('disk I/O error'), { rawCode: 10 })
  const commits = committer(store)
  commits.settle(0, 5)
  const { group } = commits.add(row)
  const error = await rejectsWith(
    SpoolError,
    'ERR_BATCHFLOW_SPOOL',
    /rows were not accepted: the disk failed/,
    () => group.stored,
  )
  assert.is(error.reason, 'io')
  store.fails = undefined
  const next = commits.add(row)
  await next.group.stored
  assert.equal([...store.writes[1]!.settled], [[0, 5]])
})

test.run()
