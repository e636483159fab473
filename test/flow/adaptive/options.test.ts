import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Driver } from '../../../src/contract/driver.ts'
import { createExecutor } from '../../../src/executor/executor.ts'
import { type BatchFlowOptions, flowSettings } from '../../../src/flow/options.ts'
import { OptionError } from '../../../src/support/batchflow-error.ts'
import { rejectsWith } from '../../support/assertions.ts'
import { MemoryDriver } from '../../support/engine/memory-driver.ts'

const test = suite('the option adaptive')

function settings(
  options: BatchFlowOptions,
  { limit = 0, connections }: { limit?: number; connections?: number } = {},
) {
  const driver: Driver = Object.assign(new MemoryDriver(), { connections })
  return flowSettings(options, createExecutor(driver).withConcurrencyLimit(limit))
}

test('is off where it is not given', () => {
  assert.is(settings({}).adaptive, undefined)
  assert.is(settings({ adaptive: false }).adaptive, undefined)
})

test('looks between 100 and 4,000 rows, and up to 8 batches where nothing is known', () => {
  const { adaptive, flushSize, bufferSize } = settings({ adaptive: true })
  assert.equal(adaptive, { flushSize: [100, 4000], concurrency: [1, 8] })
  assert.is(flushSize, 500)
  assert.is(bufferSize, 64_000, 'two of the largest batches for each that runs at once')
})

test('takes no more batches at once than the executor allows and the client has connections', () => {
  const batches = (options: BatchFlowOptions, around: Parameters<typeof settings>[1]) =>
    settings(options, around).adaptive!.concurrency
  assert.equal(batches({ adaptive: true }, { limit: 3, connections: 10 }), [1, 3])
  assert.equal(batches({ adaptive: true }, { connections: 10 }), [1, 10])
  assert.equal(batches({ adaptive: true }, { limit: 20, connections: 10 }), [1, 10])
  assert.equal(batches({ adaptive: { concurrency: [2, 20] } }, {}), [2, 20])
  assert.equal(batches({ adaptive: { concurrency: [2, 20] } }, { limit: 3 }), [2, 3])
  assert.equal(batches({ adaptive: { concurrency: [2, 20] } }, { connections: 10 }), [2, 10])
  assert.equal(batches({ adaptive: { concurrency: [5, 20] } }, { limit: 3 }), [3, 3])
})

test('keeps to the buffer, and begins with flushSize', () => {
  assert.equal(settings({ adaptive: true, bufferSize: 1000 }).adaptive!.flushSize, [100, 1000])
  assert.equal(settings({ adaptive: true, bufferSize: 50 }).adaptive!.flushSize, [50, 50])
  assert.equal(settings({ adaptive: true, flushSize: 50 }).adaptive!.flushSize, [50, 4000])
  assert.equal(settings({ adaptive: true, flushSize: 9000 }).adaptive!.flushSize, [100, 9000])
  const { flushSize, bufferSize } = settings({ adaptive: { flushSize: [1000, 20_000], concurrency: [1, 2] } })
  assert.is(flushSize, 1000)
  assert.is(bufferSize, 80_000)
})

for (const [options, message] of [
  [{ adaptive: 1 }, 'BatchFlow: adaptive must be true, false or an object, received 1'],
  [{ adaptive: null }, 'BatchFlow: adaptive must be true, false or an object, received null'],
  [{ adaptive: { flush: [1, 2] } }, 'BatchFlow: adaptive: unknown option "flush"; there are flushSize, concurrency'],
  [{ adaptive: { flushSize: 5 } }, 'BatchFlow: adaptive.flushSize must be an array of two integers, received 5'],
  [
    { adaptive: { flushSize: [1] } },
    'BatchFlow: adaptive.flushSize must be an array of two integers, received an array',
  ],
  [
    { adaptive: { flushSize: [0, 5] } },
    'BatchFlow: adaptive.flushSize[0] must be an integer from 1 to 1000000, received 0',
  ],
  [
    { adaptive: { concurrency: [4, 2] } },
    'BatchFlow: adaptive.concurrency[1] must be an integer from 4 to 1000, received 2',
  ],
  [
    { adaptive: { flushSize: [1, 5000] }, bufferSize: 4000 },
    'BatchFlow: bufferSize (with flushSize 5000) must be an integer of at least 5000, received 4000',
  ],
] as const) {
  test(`refuses ${JSON.stringify(options)}`, async () => {
    await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => settings(options as never))
  })
}

test.run()
