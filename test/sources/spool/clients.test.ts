/** The spool over each client there is: `libsql`, and `node:sqlite` where Node has it (22.5 and later). */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Libsql from 'libsql'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../../src/contract/table.ts'
import type { SpoolDatabase } from '../../../src/sources/spool/client.ts'
import { spool } from '../../../src/sources/spool/spool.ts'
import { SpoolError } from '../../../src/sources/spool/spool-error.ts'
import { spoolPublisher } from '../../../src/sources/spool/spool-publisher.ts'
import { SpoolStore } from '../../../src/sources/spool/spool-store.ts'
import { rejectsWith } from '../../support/assertions.ts'
import { Host } from './spool-files.ts'

const test = suite('clients of a spool')

type Open = (path: string) => SpoolDatabase & { close(): unknown }

const clients = new Map<string, Open>([['libsql', (path) => new Libsql(path)]])
const builtIn = 'node:sqlite'
const sqlite = (await import(builtIn).catch(() => undefined)) as
  | { DatabaseSync: new (path: string) => ReturnType<Open> }
  | undefined
if (sqlite === undefined) test.skip('node:sqlite, which this Node does not have')
else clients.set(builtIn, (path) => new sqlite.DatabaseSync(path))

const users = defineTable<{ id: bigint; bytes: Uint8Array }>('users', {
  columns: ['id', 'bytes'],
  onConflict: { action: 'update', keys: ['id'] },
})

for (const [name, open] of clients) {
  test(`${name}: rows, bytes, positions, dead letters, the lock`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'batchflow-spool-'))
    const path = join(folder, 'spool.db')
    const [database, other] = [open(path), open(path)]
    try {
      const log = spool(database, { partitions: 1 })
      const error = await rejectsWith(SpoolError, 'ERR_BATCHFLOW_SPOOL', /open elsewhere/, () => spool(other))
      assert.is(error.reason, 'locked')
      const publisher = spoolPublisher(log)
      const row = { id: 2n ** 60n, bytes: new Uint8Array([0, 255]) }
      await publisher.submit(users, row)
      await publisher.submit(users, row)
      const host = new Host()
      await log.start(host, { position: 'source' })
      await host.has(2)
      assert.equal(host.rows, [row, row])
      await log.deadLetter('0', host.messages[0]!, { reason: 'decode', message: 'why' })
      await log.acknowledge('0', host.messages.slice(0, 1))
      await log.close()
      const store = new SpoolStore(other, 1, true)
      const [left, ...none] = store.read(0, 0, store.last, 10)
      assert.equal(none, [])
      assert.is(String(left!.position), host.messages[1]!.position)
      assert.is(store.deadLetters(0, 10)[0]!.body, host.messages[0]!.body)
      const bytes = new Uint8Array([1, 128])
      store.write({
        drafts: [{ partition: 0, table: undefined, trace: undefined, body: bytes }],
        letters: [],
        settled: [],
      })
      assert.equal([...(store.read(0, left!.position, store.last, 10)[0]!.body as Uint8Array)], [...bytes])
      assert.equal(store.write({ drafts: [], letters: [], settled: [[0, store.last]] }).deleted, [[0, 2]])
      store.close()
    } finally {
      database.close()
      other.close()
      rmSync(folder, { recursive: true })
    }
  })
}

test.run()
