import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AdaptiveSettings } from '../../../src/flow/adaptive/options.ts'
import type { Setting } from '../../../src/flow/adaptive/steps.ts'
import { Rehearsal, type Supply } from '../../support/adaptive/rehearsal.ts'
import { type Nature, SimulatedDatabase } from '../../support/adaptive/simulated-database.ts'

const test = suite('flush size and concurrency that are found')

const BOUNDS: AdaptiveSettings = { flushSize: [100, 4000], concurrency: [1, 16] }
const START = { flushSize: 500, concurrency: 4 }

/** Beside which those are seen that are found. */
const FIXED: readonly Setting[] = [250, 500, 1000, 2000, 4000].flatMap((flushSize) =>
  [1, 2, 3, 4, 6, 8, 12, 16].map((concurrency) => ({ flushSize, concurrency })),
)

const NATURES = {
  near: { roundTrip: 0.2, perBatch: 0.5, perRow: 0.003, workers: 2 },
  far: { roundTrip: 10, perBatch: 0.5, perRow: 0.003, workers: 2 },
  'with dear rows': { roundTrip: 0.2, perBatch: 0.05, perRow: 0.02, workers: 1 },
  'far and wide': { roundTrip: 5, perBatch: 1, perRow: 0.01, workers: 8 },
} satisfies Record<string, Nature>

function rehearsal(nature: Nature, { noise = 0, seed = 1, start = START, bounds = BOUNDS } = {}): Rehearsal {
  return new Rehearsal(new SimulatedDatabase(nature, noise, seed), bounds, start)
}

/** Rows per ms with a setting that does not change. */
function fixed(nature: Nature, setting: Setting, noise = 0): number {
  const { flushSize, concurrency } = setting
  const bounds = { flushSize: [flushSize, flushSize], concurrency: [concurrency, concurrency] } as const
  const still = new Rehearsal(new SimulatedDatabase(nature, noise), bounds, setting)
  still.pass(100)
  return still.pass(noise === 0 ? 300 : 1500)
}

const known = new Map<string, number>()

/** The best of all settings that do not change. */
function best(nature: Nature, noise = 0): number {
  const name = JSON.stringify([nature, noise])
  const value = known.get(name) ?? Math.max(...FIXED.map((setting) => fixed(nature, setting, noise)))
  known.set(name, value)
  return value
}

/** By how large a part of the larger one two values differ at most. */
function swing(values: readonly number[]): number {
  return 1 - Math.min(...values) / Math.max(...values)
}

function halved(nature: Nature): Nature {
  return { ...nature, perBatch: nature.perBatch * 2, perRow: nature.perRow * 2 }
}

for (const [name, nature] of Object.entries(NATURES)) {
  test(`within 5% of the best that stands still, after 2,000 batches: a database ${name}`, () => {
    const used = rehearsal(nature)
    used.pass(2000)
    assert.ok(used.pass(1000) > 0.95 * best(nature), JSON.stringify(used.decided))
  })

  test(`no more than 20% up and down once it has settled: a database ${name}`, () => {
    const used = rehearsal(nature)
    used.pass(3000)
    used.applied.length = used.decided.length = 0
    used.pass(8000)
    assert.ok(swing(used.decided.map(({ flushSize }) => flushSize)) === 0)
    assert.ok(swing(used.decided.map(({ concurrency }) => concurrency)) <= 0.2, JSON.stringify(used.decided))
    for (const { flushSize, concurrency } of used.applied) {
      assert.is(flushSize, used.tuner.flushSize, 'no size is tried')
      assert.ok(concurrency <= used.tuner.concurrency + 1, 'no more than one batch at once is tried')
    }
  })

  test(`the best again 2,000 batches after its capacity halved, and after it came back: a database ${name}`, () => {
    const used = rehearsal(nature)
    used.pass(2000)
    for (const now of [halved(nature), nature]) {
      Object.assign(used.database, now)
      used.pass(2000)
      assert.ok(used.pass(1000) > 0.95 * best(now), JSON.stringify(used.decided))
    }
  })
}

test('from whichever setting it begins', () => {
  const nature = NATURES.far
  for (const flushSize of [100, 4000]) {
    for (const concurrency of [1, 16]) {
      const used = rehearsal(nature, { start: { flushSize, concurrency } })
      used.pass(3000)
      assert.ok(used.pass(1000) > 0.95 * best(nature), JSON.stringify(used.decided))
    }
  }
})

test('no more batches at once than are of use', () => {
  const used = rehearsal(NATURES['with dear rows'], { start: { flushSize: 500, concurrency: 16 } })
  used.pass(3000)
  assert.ok(used.tuner.concurrency <= 3, JSON.stringify(used.decided))
})

test('whether work takes as long as usual or up to 60% more or less', () => {
  for (const nature of Object.values(NATURES)) {
    const most = best(nature, 0.6)
    for (const seed of [1, 2, 3]) {
      const used = rehearsal(nature, { noise: 0.6, seed })
      used.pass(12_000)
      const { flushSize, concurrency } = used.tuner
      assert.ok(fixed(nature, { flushSize, concurrency }, 0.6) > 0.95 * most, JSON.stringify(used.decided))
    }
  }
})

/** How many trials there are while the database is twice as slow for a while, again and again. */
function trialsOf(used: Rehearsal, times: number, batches: number): number {
  used.applied.length = 0
  for (let time = 0; time < times; time++) {
    for (const now of [halved(NATURES.far), NATURES.far]) {
      Object.assign(used.database, now)
      used.pass(batches)
    }
  }
  return used.applied.length
}

test('where the pace often changes and nothing better is found, it looks ever less readily', () => {
  const used = rehearsal(NATURES.far, { bounds: { flushSize: [100, 4000], concurrency: [4, 4] } })
  used.pass(2000)
  assert.is(used.tuner.flushSize, 4000)
  assert.ok(trialsOf(used, 4, 500) > 0)
  assert.is(trialsOf(used, 4, 500), 0)
  Object.assign(used.database, { ...NATURES.far, perRow: 10 * NATURES.far.perRow, perBatch: 0, roundTrip: 0 })
  used.pass(2000)
  assert.ok(used.tuner.flushSize < 4000, 'but for good')
})

/** Whoever gets only such batches learns nothing. */
function learnsNothing(name: string, supply: Supply): void {
  test(`learns nothing from ${name}`, () => {
    const used = rehearsal(NATURES.far)
    used.pass(2000, supply)
    assert.equal(used.applied, [])
  })
}

learnsNothing('batches that left by the clock', { trigger: 'interval' })
learnsNothing('batches that somebody asked for', { trigger: 'manual' })
learnsNothing('the last batches', { trigger: 'close' })
learnsNothing('bad rows and batches that were tried again', { isClean: false })
learnsNothing('slots that are not in use', { atOnce: 2 })

test('learns from slots that are not in use where rows wait for room', () => {
  const used = rehearsal(NATURES.far)
  used.full = true
  used.pass(2000, { atOnce: 2 })
  assert.is(used.tuner.flushSize, 4000)
})

test('learns from batches that left under pressure', () => {
  const used = rehearsal(NATURES.far)
  used.pass(2000, { trigger: 'pressure' })
  assert.is(used.tuner.flushSize, 4000)
})

test('a trial whose batches tell nothing ends, and what was before holds on', () => {
  const used = rehearsal(NATURES.far)
  while (used.applied.length === 0) used.pass(1)
  assert.equal(used.tuner.setting, { flushSize: 1000, concurrency: 4 })
  assert.is(used.tuner.flushSize, 500, 'a trial decides nothing')
  used.pass(200, { trigger: 'interval' })
  assert.equal(used.tuner.setting, START)
})

test('an outage ends a trial, and whatever met it tells nothing', () => {
  const used = rehearsal(NATURES.far)
  while (used.applied.length === 0) used.pass(1)
  used.pass(20)
  used.tuner.began()
  assert.equal(used.tuner.setting, START)
  used.tuner.ended()
  used.pass(30)
  assert.equal(used.tuner.setting, START, 'it measures anew')
  used.pass(2000)
  assert.is(used.tuner.flushSize, 4000)
})

test.run()
