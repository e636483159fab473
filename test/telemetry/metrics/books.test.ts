import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hub } from '../../../src/contract/hub.ts'
import type { BatchFlowOptions } from '../../../src/flow/options.ts'
import type { CloseSummary } from '../../../src/flow/outcomes.ts'
import { METRICS } from '../../../src/telemetry/metrics/catalogue.ts'
import { OtelMetricsReporter } from '../../../src/telemetry/metrics/otel-reporter.ts'
import { settled } from '../../support/engine/clock.ts'
import { type Rig, rig } from '../../support/engine/flow.ts'
import { MemoryError, type Run } from '../../support/engine/memory-driver.ts'
import { updated, user, users, usersFrom } from '../../support/engine/tables.ts'
import { MetricsUnderTest } from '../../support/telemetry/otel-metrics.ts'

const test = suite('the books')

interface Account {
  accepted: number
  committed: number
  failed: number
  unsettled: number
}

/** Answers everything that is asked of the database until the flow is closed. */
async function drain({ flow, driver, clock }: Rig, answered: number): Promise<CloseSummary> {
  const close = flow.close()
  for (; flow.stats().state !== 'closed'; await clock.advance(10)) {
    for (; answered < driver.runs.length; answered++) driver.runs[answered]!.succeed()
  }
  return close
}

/** What one scrape says, by table. */
async function scrape(sdk: MetricsUnderTest): Promise<Record<string, Account>> {
  const metrics = await sdk.metrics()
  const accounts: Record<string, Account> = {}
  const each = (name: string, write: (account: Account, value: number, status: unknown) => void) => {
    for (const { attributes, value } of metrics.get(name)?.dataPoints ?? []) {
      const account = (accounts[String(attributes['table'])] ??= { accepted: 0, committed: 0, failed: 0, unsettled: 0 })
      write(account, value as number, attributes['status'])
    }
  }
  each(METRICS.acceptedRecords.name, (account, value) => {
    account.accepted += value
  })
  each(METRICS.unsettledRecords.name, (account, value) => {
    account.unsettled += value
  })
  each(METRICS.records.name, (account, value, status) => {
    account[status === 'success' ? 'committed' : 'failed'] += value
  })
  return accounts
}

/** @throws when they do not balance */
async function balanced(sdk: MetricsUnderTest): Promise<Record<string, Account>> {
  const accounts = await scrape(sdk)
  for (const [table, { accepted, committed, failed, unsettled }] of Object.entries(accounts)) {
    assert.is(accepted, committed + failed + unsettled, `${table}: ${JSON.stringify(accounts[table])}`)
  }
  return accounts
}

function reported(options: BatchFlowOptions, concurrency = 2) {
  const sdk = new MetricsUnderTest()
  const reporter = new OtelMetricsReporter({ meterProvider: sdk.provider })
  const made = rig(options, (executor) =>
    executor
      .withConcurrencyLimit(concurrency)
      .withRetry({ maxAttempts: 2, backoffBase: 1, jitter: 0 })
      .withMetricsReporter(reporter),
  )
  return { sdk, ...made }
}

test('rows that wait, are in flight, retried, committed, refused by the database, and merged', async () => {
  const { sdk, flow, driver, clock } = reported({ flushSize: 4, deadLetter: () => {} })
  assert.equal(await balanced(sdk), {})
  await flow.submitMany(users, usersFrom(1, 5))
  await flow.submitMany(updated, [user(1), user(1), user(2)])
  const before = await balanced(sdk)
  assert.equal(before['users'], { accepted: 5, committed: 0, failed: 0, unsettled: 5 })
  assert.equal(before['updated'], { accepted: 3, committed: 0, failed: 0, unsettled: 3 })
  driver.runs[0]!.fail(new MemoryError('deadlock'))
  await settled()
  assert.equal((await balanced(sdk))['users'], before['users'])
  await clock.advance(1)
  driver.runs[1]!.succeed([{ index: 2, error: new MemoryError('constraint') }])
  await settled()
  assert.equal((await balanced(sdk))['users'], { accepted: 5, committed: 3, failed: 1, unsettled: 1 })
  const close = flow.close()
  await balanced(sdk)
  for (const run of driver.runs.slice(2)) run.succeed()
  await close
  assert.equal(await balanced(sdk), {
    users: { accepted: 5, committed: 4, failed: 1, unsettled: 0 },
    updated: { accepted: 3, committed: 3, failed: 0, unsettled: 0 },
  })
})

test('rows that are dropped for newer ones are unsettled until the dead-letter handler has them', async () => {
  let taken = () => {}
  const deadLetter = () => new Promise<void>((resolve) => (taken = resolve))
  const made = reported({ flushSize: 2, bufferSize: 4, overflow: 'drop-oldest', deadLetter }, 1)
  const { sdk, flow } = made
  await flow.submitMany(users, usersFrom(1, 4))
  const late = flow.submit(users, user(5))
  assert.equal(await balanced(sdk), { users: { accepted: 4, committed: 0, failed: 0, unsettled: 4 } })
  taken()
  await late
  assert.equal(await balanced(sdk), { users: { accepted: 5, committed: 0, failed: 1, unsettled: 4 } })
  await drain(made, 0)
  assert.equal(await balanced(sdk), { users: { accepted: 5, committed: 4, failed: 1, unsettled: 0 } })
})

test('rows that close() gives up are failed rows', async () => {
  const { sdk, flow, driver, clock } = reported({ flushSize: 2 }, 1)
  await flow.submitMany(users, usersFrom(1, 5))
  driver.runs[0]!.succeed()
  await settled()
  const close = flow.close({ timeout: 100 })
  await clock.advance(100)
  await balanced(sdk)
  driver.runs[1]!.fail(driver.runs[1]!.signal.reason)
  const { committed, abandoned } = await close
  assert.equal([committed, abandoned], [2, 3])
  assert.equal(await balanced(sdk), { users: { accepted: 5, committed: 2, failed: 3, unsettled: 0 } })
})

test('whatever happens, at every moment', async () => {
  const random = seeded(7)
  const pick = (below: number) => Math.floor(random() * below)
  const made = reported({ flushSize: 3, bufferSize: 12, deadLetter: () => {} })
  const { sdk, flow, driver, clock } = made
  let answered = 0
  const answer = (act: (run: Run) => void) => {
    if (answered < driver.runs.length) act(driver.runs[answered++]!)
  }
  const steps = [
    () => void flow.trySubmit(users, user(pick(50))),
    () => void flow.trySubmit(users, user(pick(50))),
    () => void flow.trySubmit(updated, user(pick(4))),
    () => void flow.flush(),
    () => clock.advance(pick(120)),
    () => answer((run) => run.succeed()),
    () => answer((run) => run.fail(new MemoryError('deadlock'))),
    () => answer((run) => run.succeed([{ index: 0, error: new MemoryError('constraint') }])),
  ]
  for (let i = 0; i < 600; i++) {
    await steps[pick(steps.length)]!()
    if (random() < 0.3) await settled()
    await balanced(sdk)
  }
  const { committed, failed } = await drain(made, answered)
  const accounts = Object.values(await balanced(sdk))
  assert.is(
    accounts.reduce((sum, account) => sum + account.committed, 0),
    committed,
  )
  assert.is(
    accounts.reduce((sum, account) => sum + account.failed, 0),
    failed,
  )
  assert.ok(committed > 50 && failed > 5, `${committed} committed, ${failed} failed`)
})

test('a reporter that comes while rows wait and are in flight takes them over', async () => {
  const sdk = new MetricsUnderTest()
  const reporter = new OtelMetricsReporter({ meterProvider: sdk.provider })
  const { flow, driver } = rig({ flushSize: 2 }, (executor) => executor.withConcurrencyLimit(1))
  await flow.submitMany(users, usersFrom(1, 3))
  driver.runs[0]!.succeed()
  await settled()
  await flow.submitMany(users, usersFrom(4, 2))
  const owner = {}
  hub.observe(owner, { reporter, tracing: undefined })
  assert.equal(await balanced(sdk), { users: { accepted: 3, committed: 0, failed: 0, unsettled: 3 } })
  const close = flow.close()
  for (let i = 1; i < 3; i++) {
    driver.runs[i]!.succeed()
    await settled()
    await balanced(sdk)
  }
  await close
  assert.equal(await balanced(sdk), { users: { accepted: 3, committed: 3, failed: 0, unsettled: 0 } })
  hub.unobserve(owner)
})

test('what a reporter leaves unsettled is made up for when one comes again', async () => {
  const sdk = new MetricsUnderTest()
  const observer = () => ({ reporter: new OtelMetricsReporter({ meterProvider: sdk.provider }), tracing: undefined })
  const owner = {}
  hub.observe(owner, observer())
  const { flow, driver } = rig({ flushSize: 2 }, (executor) => executor.withConcurrencyLimit(1))
  await flow.submitMany(users, usersFrom(1, 3))
  await balanced(sdk)
  hub.unobserve(owner)
  const left = (await scrape(sdk))['users']
  assert.equal(left, { accepted: 3, committed: 0, failed: 0, unsettled: 0 }, 'a counter does not fall')
  hub.observe(owner, observer())
  assert.equal(await balanced(sdk), { users: { accepted: 3, committed: 0, failed: 0, unsettled: 3 } })
  await flow.submit(users, user(4))
  driver.runs[0]!.succeed()
  await settled()
  assert.equal(await balanced(sdk), { users: { accepted: 4, committed: 2, failed: 0, unsettled: 2 } })
  driver.runs[1]!.succeed()
  await flow.close()
  await balanced(sdk)
  hub.unobserve(owner)
})

/** Numbers from 0 to 1, the same each time. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
}

test.run()
