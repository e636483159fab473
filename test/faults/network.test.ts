/**
 * Flows over real servers through a network that breaks, and what their receipts say against what the tables hold:
 *
 *     npm run test:faults
 *
 * `FAULT_SECONDS` is how long each fault goes on (2).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RowFailedError } from '../../src/contract/errors.ts'
import { defineTable } from '../../src/contract/table.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import type { NetworkFault } from '../support/servers/fault-proxy.ts'
import { type Place, places } from './places.ts'

const test = suite('a network that breaks')
const SECONDS = Number(process.env['FAULT_SECONDS'] ?? 2)
const FAULTS: readonly NetworkFault[] = [
  'delay',
  'throttle',
  'reset',
  'end',
  'reply',
  'request',
  'half-close',
  'black hole',
]

interface Event {
  n: number
}

interface Counter {
  id: number
  v: number
}

const uncaught: unknown[] = []
process.on('uncaughtException', (error) => uncaught.push(error))
process.on('unhandledRejection', (error) => uncaught.push(error))

/** What the flow said of each row. */
type Fate = 'committed' | 'failed' | 'ambiguous'

function fateOf(outcome: PromiseSettledResult<unknown>): Fate {
  if (outcome.status === 'fulfilled') return 'committed'
  const { reason } = outcome
  if (!(reason instanceof RowFailedError)) throw reason
  return reason.ambiguous ? 'ambiguous' : 'failed'
}

for (const open of places) {
  const place = await open()
  if (place === undefined) continue
  test.after(() => place.close())
  for (const fault of FAULTS) {
    test(`${place.name}, ${fault}: no row is lost, and no receipt lies`, () => endure(place, fault))
  }
}

async function endure(place: Place, fault: NetworkFault): Promise<void> {
  const executor = place.executor
    .withConcurrencyLimit(4)
    .withTimeout(400)
    .withRetry({ maxAttempts: 6, backoffBase: 20, maxBackoff: 200, onAmbiguous: 'fail' })
  const flow = new BatchFlow(executor, { flushSize: 50, flushInterval: 10, deadLetter: () => {} })
  const events = defineTable<Event>(place.events, { columns: ['n'] })
  const counters = defineTable<Counter>(place.counters, {
    columns: ['id', 'v'],
    onConflict: { action: 'update', keys: ['id'] },
  })
  const base = FAULTS.indexOf(fault) * 1_000_000
  const appended: Promise<Fate>[] = []
  const updated: Promise<Fate>[] = []
  const end = Date.now() + SECONDS * 1000
  for (let round = 0; Date.now() < end; round++) {
    place.proxy.fault = round % 8 === 3 ? fault : round % 8 === 6 ? 'none' : place.proxy.fault
    for (let i = 0; i < 20; i++) {
      const n = base + appended.length
      appended.push(fate(flow.write(events, { n })))
      updated.push(fate(flow.write(counters, { id: base + (n % 40), v: updated.length })))
    }
    await sleep(25)
  }
  place.proxy.fault = 'none'
  const summary = await flow.close({ timeout: 30_000 })
  const [eventFates, counterFates] = await Promise.all([Promise.all(appended), Promise.all(updated)])
  assert.is(summary.abandoned, 0)
  assert.is(summary.committed + summary.failed, appended.length + updated.length, 'every row is accounted for')
  checkEvents(eventFates, base, await place.storedEvents())
  checkCounters(counterFates, base, await place.storedCounters())
  assert.equal(uncaught, [])
}

function fate(write: Promise<unknown>): Promise<Fate> {
  return Promise.allSettled([write]).then(([outcome]) => fateOf(outcome!))
}

/** Rows that nobody may write twice: `onAmbiguous` is `fail`. */
function checkEvents(fates: readonly Fate[], base: number, stored: ReadonlyMap<number, number>): void {
  const wrong = fates.flatMap((said, i) => {
    const times = stored.get(base + i) ?? 0
    const isTrue = said === 'committed' ? times === 1 : said === 'failed' ? times === 0 : times <= 1
    return isTrue ? [] : [`event ${i} is ${said} and stored ${times} times`]
  })
  assert.equal(wrong, [])
}

/** The last committed value of a key, or a later one whose outcome nobody knows. */
function checkCounters(fates: readonly Fate[], base: number, stored: ReadonlyMap<number, number>): void {
  const wrong: string[] = []
  for (let key = 0; key < 40; key++) {
    const values = fates.map((said, v) => ({ said, v })).filter(({ v }) => v % 40 === key)
    const last = values.findLast(({ said }) => said === 'committed')?.v
    const allowed = values.filter(({ said, v }) => v === last || (said === 'ambiguous' && v > (last ?? -1)))
    const found = stored.get(base + key)
    const isTrue = found === undefined ? last === undefined : allowed.some(({ v }) => v === found)
    if (!isTrue) wrong.push(`key ${key} holds ${found}, its last committed value is ${last}`)
  }
  assert.equal(wrong, [])
}

test.run()
