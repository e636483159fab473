/** An attempt that was given up arrives late: it must find its session dead. `FAULT_ROUNDS` is how often (20). */
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { type Place, places } from './places.ts'

const test = suite('attempts that were given up')
const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? 20)

interface Counter {
  id: number
  v: number
}

for (const open of places) {
  const place = await open()
  if (place === undefined) continue
  test.after(() => place.close())
  test(`${place.name}: a value that was held on its way never overwrites a newer one`, async () => {
    const stale: number[] = []
    for (let id = 0; id < ROUNDS; id++) if ((await afterAll(place, id)) !== 3) stale.push(id)
    assert.equal(stale, [])
  })
}

/** The value of a key whose second one was held in the network until the third was committed. */
async function afterAll(place: Place, id: number): Promise<number | undefined> {
  const executor = place.executor.withTimeout(300).withRetry({ maxAttempts: 20, backoffBase: 10, maxBackoff: 100 })
  const flow = new BatchFlow(executor, { flushSize: 1 })
  const counters = defineTable<Counter>(place.counters, {
    columns: ['id', 'v'],
    onConflict: { action: 'update', keys: ['id'] },
  })
  await flow.write(counters, { id, v: 1 })
  const thaw = place.proxy.freeze()
  await flow.write(counters, { id, v: 2 })
  await flow.write(counters, { id, v: 3 })
  thaw()
  await sleep(50)
  await flow.close()
  return (await place.storedCounters()).get(id)
}

test.run()
