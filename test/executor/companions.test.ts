import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Companion, Companions } from '../../src/contract/companion.ts'
import { AttemptError, type RowFailure } from '../../src/contract/driver.ts'
import { FencedError, type RowFailedError } from '../../src/contract/errors.ts'
import { defineTable } from '../../src/contract/table.ts'
import { BatchRun } from '../../src/executor/batch-run.ts'
import { createExecutor, type Executor } from '../../src/executor/executor.ts'
import { Batch } from '../../src/lanes/batch.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { rejectsWith } from '../support/assertions.ts'
import { ManualClock, settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { MemoryDriver, MemoryError } from '../support/engine/memory-driver.ts'
import { updated, user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('companions')

/** Companions in memory: the test decides what they answer. */
class MemoryCompanions implements Companions {
  positions = new Map<string, string>()
  isThere = false
  /** Thrown by whoever is asked. */
  error: Error | undefined
  prepared = 0
  questions: string[] = []
  swept: number[] = []

  async claim(scopes: readonly string[]) {
    this.#ask(scopes.join())
    return new Map(scopes.map((scope) => [scope, this.positions.get(scope) ?? '']))
  }

  async commit() {}

  async prepare() {
    this.prepared++
    if (this.error !== undefined) throw this.error
  }

  async committed(token: string) {
    this.#ask(token)
    return this.isThere
  }

  async sweep(age: number) {
    this.swept.push(age)
    if (this.swept.length > 1) throw new Error('not now')
    return 0
  }

  #ask(what: string) {
    this.questions.push(what)
    if (this.error !== undefined) throw this.error
  }
}

class Driver extends MemoryDriver {
  readonly companions = new MemoryCompanions()
  readonly seen: { companion: Companion | undefined; isolate: boolean | undefined }[] = []

  override run(...[operation, context]: Parameters<MemoryDriver['run']>) {
    this.seen.push({ companion: context.companion, isolate: context.isolate })
    return super.run(operation, context)
  }

  get tokens() {
    return this.seen.map(({ companion }) => (companion?.kind === 'token' ? companion.token : undefined))
  }
}

const RETRY = { maxAttempts: 3, backoffBase: 10, jitter: 0 } as const
const verifying = (executor: Executor) => executor.withRetry({ ...RETRY, onAmbiguous: 'verify' })

function lost(refused: readonly RowFailure[] | undefined = []): AttemptError {
  return new AttemptError(new MemoryError('connection'), { ambiguous: true, refused })
}

const MOVE = { kind: 'move', scope: 's', expected: 'a', value: 'b' } as const

/** A batch with a position, on its way. */
function moving(driver: Driver, rows: readonly object[], table = users, move: Companion = MOVE) {
  const batch = new Batch(table)
  batch.rows.push(...rows)
  batch.companion = move
  const clock = new ManualClock()
  const run = new BatchRun(batch, createExecutor(driver).withRetry(RETRY), clock)
  return { run, clock, done: run.execute() }
}

test('a lost answer is asked after; what was committed is not repeated', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, verifying, new Driver())
  const own = (driver as Driver).companions
  const write = flow.write(users, user(1))
  await settled()
  own.isThere = true
  driver.runs[0]!.fail(lost())
  assert.is((await write).attempts, 1)
  assert.equal(own.questions, [(driver as Driver).tokens[0]])
  assert.equal([driver.runs.length, own.prepared], [1, 1])
  assert.is((await flow.close()).committed, 1)
  assert.is(clock.running, 0)
})

test('what was not committed is repeated with the same token', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, verifying, new Driver())
  const write = flow.write(users, user(1))
  await settled()
  driver.runs[0]!.fail(lost())
  await clock.advance(20)
  driver.runs[1]!.succeed()
  assert.is((await write).attempts, 2)
  const [first, second] = (driver as Driver).tokens
  assert.ok(first !== undefined && first === second)
  const next = flow.write(users, user(2))
  await settled()
  driver.runs[2]!.succeed()
  await next
  assert.is.not((driver as Driver).tokens[2], first)
  await flow.close()
})

test('rows that were left out of a commit whose answer was lost fail, and are not unknown', async () => {
  const { flow, driver } = rig({ flushSize: 3 }, verifying, new Driver())
  const writes = flow.writeMany(users, usersFrom(1, 3))
  await settled()
  ;(driver as Driver).companions.isThere = true
  driver.runs[0]!.fail(lost([{ index: 1, error: new AttemptError(new MemoryError('constraint'), { rowIndex: 1 }) }]))
  const results = await writes
  assert.equal(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  const { reason, ambiguous } = (results[1] as PromiseRejectedResult).reason as RowFailedError
  assert.equal([reason, ambiguous], ['constraint', false])
  await flow.close()
})

test('where nobody knows which rows were left out, they stay unknown', async () => {
  const { flow, driver } = rig({ flushSize: 1 }, verifying, new Driver())
  const write = flow.write(users, user(1)).catch((error: RowFailedError) => error)
  await settled()
  driver.runs[0]!.fail(new AttemptError(new MemoryError('connection'), { ambiguous: true }))
  assert.ok(((await write) as RowFailedError).ambiguous)
  assert.equal((driver as Driver).companions.questions, [])
  await flow.close()
})

test('the question is asked again until it is answered, and no longer than an outage may last', async () => {
  const { flow, driver, clock } = rig(
    { flushSize: 1 },
    (executor) => executor.withRetry({ ...RETRY, onAmbiguous: 'verify', maxOutage: 10_000 }),
    new Driver(),
  )
  const own = (driver as Driver).companions
  const write = flow.write(users, user(1))
  await settled()
  own.isThere = true
  own.error = new AttemptError(new MemoryError('connection'), { unreachable: true })
  driver.runs[0]!.fail(lost())
  await clock.advance(5000)
  assert.ok(own.questions.length > 1)
  own.error = undefined
  await clock.advance(2000)
  assert.is((await write).attempts, 1)
  const second = flow.write(users, user(2)).catch((error: RowFailedError) => error)
  await settled()
  own.error = new MemoryError('unknown')
  driver.runs[1]!.fail(lost())
  await clock.advance(20_000)
  assert.ok(((await second) as RowFailedError).ambiguous)
  await flow.close()
})

test('closing does not wait for an answer for ever', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, verifying, new Driver())
  await flow.submit(users, user(1))
  await settled()
  ;(driver as Driver).companions.error = new MemoryError('unknown')
  driver.runs[0]!.fail(lost())
  const closing = flow.close({ timeout: 100 })
  await clock.advance(100)
  assert.equal(
    (await closing).abandonedRows.map(({ ambiguous }) => ambiguous),
    [true],
  )
  assert.is(clock.running, 0, 'no timer is left')
})

test('a place for tokens that cannot be made fails the batch as a place, unless it is away', async () => {
  const { flow, driver } = rig({ flushSize: 2 }, verifying, new Driver())
  const own = (driver as Driver).companions
  own.error = new MemoryError('permission')
  const results = await flow.writeMany(users, usersFrom(1, 2))
  for (const result of results) {
    const { reason, fault, ambiguous } = (result as PromiseRejectedResult).reason as RowFailedError
    assert.equal([reason, fault, ambiguous], ['permission', 'place', false])
  }
  assert.equal([driver.runs.length, own.prepared], [0, 1])
  await flow.close()
})

test('an update that adds carries a token, as it must not be written twice', async () => {
  const onConflict = { action: 'update', keys: ['id'], set: { hits: 'add' } } as const
  const tallies = defineTable<{ id: number; hits: number }>('tallies', { columns: ['id', 'hits'], onConflict })
  const { flow, driver, clock } = rig({ flushSize: 2 }, verifying, new Driver())
  const own = (driver as Driver).companions
  const written = flow.writeMany(tallies, [
    { id: 1, hits: 1 },
    { id: 2, hits: 2 },
  ])
  await settled()
  driver.runs[0]!.fail(lost())
  await settled()
  await clock.advance(10)
  const { tokens } = driver as Driver
  assert.equal([tokens.length, new Set(tokens).size, own.questions], [2, 1, [tokens[0]]])
  own.isThere = true
  driver.runs[1]!.fail(lost())
  assert.ok((await written).every(({ status }) => status === 'fulfilled'))
  assert.is(driver.runs.length, 2)
  await flow.close()
})

test('what has a conflict action needs no token, and nothing carries one that was not asked for', async () => {
  for (const [table, configure] of [
    [updated, verifying],
    [users, (executor: Executor) => executor.withRetry(RETRY)],
  ] as const) {
    const { flow, driver } = rig({ flushSize: 1 }, configure, new Driver())
    const write = flow.write(table, user(1))
    await settled()
    driver.runs[0]!.succeed()
    await write
    assert.equal((driver as Driver).tokens, [undefined])
    await flow.close()
  }
})

test('old tokens are swept now and then, and a failure harms nobody', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, verifying, new Driver())
  for (let i = 0; i < 4; i++) {
    const write = flow.write(users, user(i))
    await settled()
    driver.runs[i]!.succeed()
    await write
    await clock.advance(i === 0 ? 1000 : 3600_000)
  }
  assert.equal((driver as Driver).companions.swept, [86_400_000, 86_400_000, 86_400_000])
  await flow.close()
})

test('verify is refused where there is nothing to write a token in', async () => {
  await rejectsWith(
    OptionError,
    'ERR_BATCHFLOW_OPTION',
    'withRetry: onAmbiguous must be one of retry, fail, received "verify": memory has no transactions to commit a token in',
    () => createExecutor(new MemoryDriver()).withRetry({ onAmbiguous: 'verify' }),
  )
})

test('a batch with a position is whole or not at all: it is neither divided nor let leave rows out', async () => {
  const driver = new Driver()
  driver.fault = 'row'
  const { run, done } = moving(driver, usersFrom(1, 8))
  await settled()
  assert.equal(driver.seen, [{ companion: MOVE, isolate: false }])
  driver.runs[0]!.fail(new AttemptError(new MemoryError('constraint'), { rowIndex: 5 }))
  await done
  assert.equal([run.failures.size, driver.runs.length, run.batch.culprit], [8, 1, 5])
  assert.equal([...run.failures.values()][0]!.fault, 'row')
})

test('a fenced batch is final, at the place', async () => {
  const driver = new Driver()
  const { run, done } = moving(driver, usersFrom(1, 2))
  await settled()
  driver.runs[0]!.fail(new AttemptError(new FencedError('s'), {}))
  await done
  const { reason, fault, ambiguous, cause } = run.failures.get(0)!
  assert.equal([reason, fault, ambiguous, driver.runs.length, driver.probes], ['fenced', 'place', false, 1, 0])
  assert.instance(cause, FencedError)
})

for (const [position, runs, reason] of [
  ['b', 1, undefined],
  ['a', 2, undefined],
  ['c', 1, 'fenced'],
] as const) {
  test(`after a lost answer the position is read: ${position}`, async () => {
    const driver = new Driver()
    driver.companions.positions.set('s', position)
    const { run, clock, done } = moving(driver, usersFrom(1, 2))
    await settled()
    driver.runs[0]!.fail(lost(undefined))
    await clock.advance(20)
    driver.runs[1]?.succeed()
    await done
    assert.equal([driver.runs.length, run.failures.get(0)?.reason], [runs, reason])
  })
}

test('every part is fenced and the last one moves; what follows a part that failed is not tried', async () => {
  const rows = [{ id: 1, name: 'a' }, { id: 2, email: 'b' }, { id: 3 }]
  const driver = new Driver()
  const { run, done } = moving(driver, rows, updated as never)
  for (let i = 0; i < 3; i++) {
    await settled()
    driver.runs[i]!.succeed()
  }
  await done
  const held = { ...MOVE, value: 'a' }
  assert.equal([run.failures.size, driver.seen.map(({ companion }) => companion)], [0, [held, held, MOVE]])

  const second = new Driver()
  const failing = moving(second, rows, updated as never)
  await settled()
  second.runs[0]!.succeed()
  await settled()
  second.runs[1]!.fail(new AttemptError(new MemoryError('constraint'), { fault: 'row' }))
  await failing.done
  assert.equal([second.runs.length, [...failing.run.failures.keys()]], [2, [1, 2]])
})

test.run()
