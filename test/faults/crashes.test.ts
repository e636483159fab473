/**
 * Databases that crash again and again under load, with the settings an application has that sets nothing:
 *
 *     CRASHES=20 npx tsx test/run.ts faults/crashes
 *
 * `CRASHES` is how often each crashes (3).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RowFailedError } from '../../src/contract/errors.ts'
import { defineTable } from '../../src/contract/table.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { outagePlaces } from './outage-places.ts'

const test = suite('crashes')
const CRASHES = Number(process.env['CRASHES'] ?? 3)
const KEYS = 50
/** Events that may be written once at most are numbered from here. */
const ONCE = 1_000_000

const events = defineTable<{ n: number }>('events', { columns: ['n'] })
const counters = defineTable<{ id: number; v: number }>('counters', {
  columns: ['id', 'v'],
  onConflict: { action: 'update', keys: ['id'] },
})

type Fate = 'committed' | 'failed' | 'ambiguous'

async function fate(write: Promise<unknown>): Promise<Fate> {
  try {
    await write
    return 'committed'
  } catch (error) {
    if (!(error instanceof RowFailedError)) throw error
    return error.ambiguous ? 'ambiguous' : 'failed'
  }
}

for (const [name, open] of await outagePlaces()) {
  test(`${name} crashes ${CRASHES} times: every count is as promised`, async () => {
    const place = await open()
    const executor = place.executor.withConcurrencyLimit(4)
    const flow = new BatchFlow(executor, { flushSize: 50, flushInterval: 10, deadLetter: () => {} })
    const careful = new BatchFlow(executor.withRetry({ onAmbiguous: 'fail' }), {
      flushSize: 50,
      flushInterval: 10,
      deadLetter: () => {},
    })
    const repeated: Promise<Fate>[] = []
    const once: Promise<Fate>[] = []
    const updates: Promise<Fate>[] = []
    let running = true
    const load = (async () => {
      while (running) {
        for (let i = 0; i < 10; i++) {
          repeated.push(fate(flow.write(events, { n: repeated.length })))
          once.push(fate(careful.write(events, { n: ONCE + once.length })))
          updates.push(fate(flow.write(counters, { id: updates.length % KEYS, v: updates.length })))
        }
        await sleep(10)
      }
    })()
    for (let crash = 0; crash < CRASHES; crash++) {
      await sleep(300 + 300 * Math.random())
      await place.crash()
      await sleep(300)
      await place.start()
    }
    await sleep(300)
    running = false
    await load
    const summaries = await Promise.all([flow.close(), careful.close()])
    const fates = await Promise.all([repeated, once, updates].map((all) => Promise.all(all)))
    const stored = await place.stored()
    await place.close()
    const [ofRepeated, ofOnce, ofUpdates] = fates as [Fate[], Fate[], Fate[]]
    assert.is(
      summaries.reduce((sum, { committed, failed }) => sum + committed + failed, 0),
      fates.flat().length,
    )
    assert.equal(ofRepeated.filter((said) => said !== 'committed').length, 0, 'what may be repeated is committed')
    assert.equal(ofUpdates.filter((said) => said !== 'committed').length, 0)
    assert.equal(ofOnce.filter((said) => said === 'failed').length, 0, 'what was not sent waits')
    assert.equal(
      ofRepeated.flatMap((_, n) => (stored.events.has(n) ? [] : [n])),
      [],
    )
    const wrong = ofOnce.flatMap((said, n) => {
      const times = stored.events.get(ONCE + n) ?? 0
      return times === 1 || (times === 0 && said === 'ambiguous')
        ? []
        : [`event ${n} is ${said} and there ${times} times`]
    })
    assert.equal(wrong, [])
    for (let id = 0; id < KEYS; id++) {
      assert.is(stored.counters.get(id), id + KEYS * Math.floor((ofUpdates.length - 1 - id) / KEYS), `key ${id}`)
    }
  })
}

test.run()
