/** Databases that are up and take no batch: rows wait until that is mended, and no attempt is held against them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { servers } from '../support/servers/servers.ts'
import { troubles } from './troubles.ts'

const test = suite('troubles')
const events = defineTable<{ n: number }>('events', { columns: ['n'] })

const programs: Readonly<Record<string, () => Promise<unknown>>> = {
  PostgreSQL: servers.postgresProgram,
  MySQL: servers.mysqlProgram,
  Redis: servers.redisProgram,
}

for (const [name, { reason, open }] of Object.entries(troubles)) {
  const program = programs[name.split(',')[0]!]
  if (program !== undefined && (await program()) === undefined) continue
  test(`${name}: nothing fails, and all is written once it is mended`, async () => {
    const trouble = await open()
    if (trouble === undefined) return
    const executor = trouble.executor.withConcurrencyLimit(4)
    const flow = new BatchFlow(executor, { flushSize: 100, flushInterval: 10, deadLetter: () => {} })
    const writes: Promise<unknown>[] = []
    const write = (rows: number) => {
      for (let i = 0; i < rows; i++) writes.push(flow.write(events, { n: writes.length }))
    }
    write(200)
    await Promise.all(writes)
    await trouble.begin()
    const reasons = new Set<string>()
    for (let round = 0; round < 40; round++) {
      write(50)
      await sleep(50)
      if (executor.slots.outage !== undefined) reasons.add(executor.slots.outage.reason)
    }
    assert.equal([...reasons], [reason])
    await trouble.mend()
    const mended = Date.now()
    await writes.at(-1)
    const recovery = Date.now() - mended
    assert.is(executor.slots.outage, undefined)
    const { committed, failed } = await flow.close()
    const stored = await trouble.stored()
    await trouble.close()
    assert.equal({ committed, failed }, { committed: writes.length, failed: 0 })
    assert.equal(
      [...new Set(stored)].sort((a, b) => a - b),
      writes.map((_, n) => n),
    )
    assert.ok(recovery < 4000, `${recovery} ms after it was mended`)
  })
}

test.run()
