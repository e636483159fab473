import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InvalidRowError, StreamFailedError } from '../../src/contract/errors.ts'
import { rejectsWith } from '../support/assertions.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { committing, MemoryError } from '../support/engine/memory-driver.ts'
import { ids, user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('writable')

test('a pipeline ends when its last row is settled', async () => {
  const { flow, driver } = rig({ flushSize: 2 })
  let done = false
  const piped = pipeline(Readable.from(usersFrom(1, 3)), flow.writable(users)).then(() => (done = true))
  await settled()
  void flow.flush()
  driver.runs[0]!.succeed()
  await settled()
  assert.not.ok(done)
  driver.runs[1]!.succeed()
  await piped
  assert.equal(ids(driver.committed), [1, 2, 3])
})

test('the stream ends by itself, without flush', async () => {
  const { flow, clock } = rig({ flushSize: 100, flushInterval: 50 }, undefined, committing())
  const piped = pipeline(Readable.from(usersFrom(1, 3)), flow.writable(users))
  await settled()
  await clock.advance(50)
  await piped
})

test('a full buffer holds the source back', async () => {
  const { flow, driver } = rig({ flushSize: 5, bufferSize: 10 })
  let read = 0
  const source = Readable.from(
    (function* () {
      for (const row of usersFrom(0, 1000)) {
        read++
        yield row
      }
    })(),
  )
  const piped = pipeline(source, flow.writable(users))
  await settled()
  await settled()
  assert.ok(read < 100, `${read} rows read with room for 10`)
  for (let i = 0; i < 200; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  await piped
})

test('a pipeline fails when a row failed, after all are settled', async () => {
  const { flow, driver } = rig({ flushSize: 3 })
  const piped = pipeline(Readable.from(usersFrom(1, 3)), flow.writable(users))
  await settled()
  driver.runs[0]!.succeed([
    { index: 0, error: new MemoryError('constraint') },
    { index: 2, error: new MemoryError('constraint') },
  ])
  const message = '2 rows written to the stream of table "users" failed'
  const error = await rejectsWith(StreamFailedError, 'ERR_BATCHFLOW_STREAM', message, () => piped)
  assert.is(error.failed, 2)
  assert.equal(ids(driver.committed), [2])
})

test('a listener that throws does not reach the other rows of the batch', async () => {
  const { flow, driver } = rig({ flushSize: 2 })
  const stream = flow.writable(users).on('error', () => {})
  stream.write(user(1))
  await settled()
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve))
  stream.end((error?: Error | null) => {
    if (error) throw error
  })
  const write = flow.write(users, user(2))
  driver.runs[0]!.succeed([{ index: 0, error: new MemoryError('constraint') }])
  assert.instance(await thrown, StreamFailedError)
  await write
  assert.equal((await flow.close()).failed, 1)
})

test('what is no row ends the stream', async () => {
  const { flow } = rig()
  const source = Readable.from([user(1), 'text'])
  const message = 'a row of table "users" must be an object, received string'
  await rejectsWith(InvalidRowError, 'ERR_BATCHFLOW_ROW', message, () => pipeline(source, flow.writable(users)))
  void flow.close({ timeout: 0 })
})

test.run()
