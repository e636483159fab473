import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AdaptiveProbe, FlowProbe } from '../../../src/contract/metrics-reporter.ts'
import type { Table } from '../../../src/contract/table.ts'
import { createExecutor } from '../../../src/executor/executor.ts'
import { BatchFlow } from '../../../src/flow/batch-flow.ts'
import type { BatchFlowOptions } from '../../../src/flow/options.ts'
import { SimulatedDatabase } from '../../support/adaptive/simulated-database.ts'
import { SimulatedDriver } from '../../support/adaptive/simulated-driver.ts'
import { ManualClock } from '../../support/engine/clock.ts'
import { type User, updated, user, users } from '../../support/engine/tables.ts'

const test = suite('a flow that finds its flush size and concurrency')

const FAR = { roundTrip: 10, perBatch: 0.5, perRow: 0.12, workers: 2 }
const BOUNDS = { flushSize: [10, 40], concurrency: [1, 3] } as const

/** A flow that always has more rows than its database takes. */
class Pressed {
  readonly clock = new ManualClock()
  readonly database = new SimulatedDatabase(FAR)
  readonly driver = new SimulatedDriver(this.database, this.clock)
  readonly flow: BatchFlow
  adaptive: AdaptiveProbe | undefined
  #isPressed = true
  #pressing = Promise.resolve()

  constructor(options: BatchFlowOptions = {}, limit = 3) {
    const open = ({ adaptive }: FlowProbe): undefined => {
      this.adaptive = adaptive
    }
    const executor = createExecutor(this.driver).withConcurrencyLimit(limit).withMetricsReporter({ open })
    this.flow = new BatchFlow(executor, {
      clock: this.clock,
      flushSize: 10,
      bufferSize: 400,
      adaptive: BOUNDS,
      ...options,
    })
  }

  press(...tables: readonly Table<User>[]): void {
    this.#pressing = this.#submit(tables)
  }

  async #submit(tables: readonly Table<User>[]): Promise<void> {
    for (let id = 0; this.#isPressed; id++) await this.flow.submit(tables[id % tables.length]!, user(id))
  }

  async end(): Promise<void> {
    this.#isPressed = false
    await this.clock.advance(2000)
    await this.#pressing
    const closed = this.flow.close()
    await this.clock.advance(2000)
    await closed
  }
}

test('writes larger batches to a database that is far away', async () => {
  for (const table of [users, updated]) {
    const pressed = new Pressed()
    pressed.press(table)
    await pressed.clock.advance(4000)
    assert.is(pressed.adaptive!.flushSize, 40, table.name)
    assert.is(pressed.driver.sizes.at(-1), 40, table.name)
    await pressed.end()
  }
})

test('with several tables all of them have the size that is found', async () => {
  const pressed = new Pressed()
  pressed.press(users, updated)
  await pressed.clock.advance(4000)
  assert.is(pressed.adaptive!.flushSize, 40)
  assert.ok(pressed.driver.sizes.slice(-10).every((size) => size === 40))
  await pressed.end()
})

test('keeps to the limit of its executor', async () => {
  const pressed = new Pressed({}, 2)
  pressed.press(users)
  await pressed.clock.advance(4000)
  assert.ok(pressed.adaptive!.concurrency <= 2)
  await pressed.end()
})

test('few rows change nothing: their batches leave by the clock', async () => {
  const pressed = new Pressed({ flushInterval: 5 })
  for (let id = 0; id < 200; id++) {
    await pressed.flow.submit(users, user(id))
    await pressed.clock.advance(5)
  }
  assert.equal([pressed.adaptive!.flushSize, pressed.adaptive!.concurrency], [10, 3])
  await pressed.end()
})

test('goes on after an outage', async () => {
  const pressed = new Pressed()
  pressed.press(users)
  await pressed.clock.advance(300)
  pressed.driver.isUp = false
  await pressed.clock.advance(3000)
  const { flushSize } = pressed.adaptive!
  await pressed.clock.advance(3000)
  assert.is(pressed.adaptive!.flushSize, flushSize, 'an outage teaches nothing')
  pressed.driver.isUp = true
  await pressed.clock.advance(12_000)
  assert.is(pressed.adaptive!.flushSize, 40)
  await pressed.end()
})

test('tells nothing of itself where it is off', () => {
  const pressed = new Pressed({ adaptive: false })
  assert.is(pressed.adaptive, undefined)
})

test.run()
