/**
 * The connection over which a session is to be ended is as silent as the one it belongs to, until the network lets everything
 * through at once. `FAULT_ROUNDS` is how often (20).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { type Place, places } from './places.ts'

const test = suite('fences that are silent')
const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? 20)
/** Long enough for the attempt to be given up, and for its fence to be sent and lost. */
const SILENT_MS = 700

const uncaught: unknown[] = []
process.on('uncaughtException', (error) => uncaught.push(error))
process.on('unhandledRejection', (error) => uncaught.push(error))

for (const open of places) {
  const place = await open()
  if (place === undefined) continue
  test.after(() => place.close())
  test(`${place.name}: nothing is told committed meanwhile, and the newest value stays`, async () => {
    const wrong: string[] = []
    for (let id = 0; id < ROUNDS; id++) wrong.push(...(await afterSilence(place, id)))
    assert.equal(wrong, [])
    assert.equal(uncaught, [])
  })
}

/** What went wrong with a key whose second value met a black hole, that of its fence included. */
async function afterSilence(place: Place, id: number): Promise<string[]> {
  const executor = place.executor.withTimeout(200).withRetry({ maxAttempts: 50, backoffBase: 10, maxBackoff: 100 })
  const flow = new BatchFlow(executor, { flushSize: 1 })
  const counters = defineTable<{ id: number; v: number }>(place.counters, {
    columns: ['id', 'v'],
    onConflict: { action: 'update', keys: ['id'] },
  })
  const wrong: string[] = []
  await flow.write(counters, { id, v: 1 })
  const thaw = place.proxy.freeze()
  place.proxy.fault = 'black hole'
  let told = false
  const second = flow.write(counters, { id, v: 2 }).finally(() => (told = true))
  await sleep(SILENT_MS)
  if (told) wrong.push(`${id} is settled while nothing can be known`)
  place.proxy.fault = 'none' // what was held for the fence arrives, the attempt itself still hangs
  await second
  await flow.write(counters, { id, v: 3 })
  thaw()
  await sleep(50)
  await flow.close()
  const found = (await place.storedCounters()).get(id)
  return found === 3 ? wrong : [...wrong, `${id} holds ${found}`]
}

test.run()
