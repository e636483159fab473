import { DiagLogLevel, diag } from '@opentelemetry/api'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../src/contract/driver.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import type { OutageObserver } from '../../src/executor/outage.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import type { LogOptions } from '../../src/flow/batch-log.ts'
import { ManualClock, settled } from '../support/engine/clock.ts'
import { MemoryDriver, MemoryError } from '../support/engine/memory-driver.ts'
import { user, users, usersFrom } from '../support/engine/tables.ts'
import { collected } from '../support/garbage.ts'

const test = suite('outage log')

type Line = [level: string, line: unknown, message?: string]

/** Flows of one executor whose database has been reached before, so that no warning of the process is told. */
async function setUp(log?: Omit<LogOptions, 'logger'>) {
  const lines: Line[] = []
  const write = (level: string) => (line: object, message: string) => void lines.push([level, line, message])
  const logger = { info: write('info'), warn: write('warn'), error: write('error') }
  const driver = new MemoryDriver()
  const clock = new ManualClock()
  const executor = createExecutor(driver).withRetry({ backoffBase: 100, jitter: 0, maxOutage: 60_000 })
  const open = () => new BatchFlow(executor, { flushSize: 1, clock, ...(log && { log: { logger, ...log } }) })
  const first = open()
  const write1 = first.write(users, user(0))
  driver.runs[0]!.succeed()
  await write1
  await first.close()
  return { executor, driver, clock, open, lines }
}

function unreachable(): AttemptError {
  return new AttemptError(Object.assign(new MemoryError('connection'), { code: 'ECONNREFUSED' }), { unreachable: true })
}

/** What `diag` is told while `work` runs. */
async function diagnosticsOf(work: () => Promise<void>): Promise<Line[]> {
  const heard: Line[] = []
  const listen = (level: string) => (message: string) => void heard.push([level, message])
  const logger = { error: listen('error'), warn: listen('warn'), info: listen('info'), debug() {}, verbose() {} }
  diag.setLogger(logger, { logLevel: DiagLogLevel.INFO, suppressOverrideMessage: true })
  try {
    await work()
  } finally {
    diag.disable()
  }
  return heard
}

test('one line when an outage begins and one when it ends, with the rows that wait', async () => {
  const { driver, clock, open, lines } = await setUp({})
  driver.classify = (error) => (error instanceof MemoryError ? { reason: error.reason, code: 'M1' } : undefined)
  const flow = open()
  await flow.submitMany(users, usersFrom(1, 2))
  driver.runs[1]!.fail(unreachable())
  driver.runs[2]!.fail(unreachable())
  await clock.advance(50)
  await flow.submit(users, user(3))
  await clock.advance(50)
  driver.runs[3]!.fail(unreachable())
  await clock.advance(200)
  driver.runs[4]!.succeed()
  await settled()
  const common = { database: 'memory', reason: 'connection', code: 'M1', detail: 'the memory database says connection' }
  assert.equal(lines, [
    ['warn', { ...common, outage: 'began', waiting: 2 }, 'memory takes no batch (connection, M1); rows waiting: 2'],
    [
      'info',
      { ...common, outage: 'ended', durationMs: 300, looks: 2, waiting: 3 },
      'memory takes batches again after 0.3 s; rows waiting: 3',
    ],
  ])
  for (const run of driver.runs.slice(5)) run.succeed()
  await flow.close()
})

test('each flow of an executor tells it once; one made in the middle of it does so at once, one that is closed no more', async () => {
  const { executor, driver, clock, open, lines } = await setUp({})
  const flow = open()
  const idle = open()
  const write = flow.write(users, user(1))
  driver.runs[1]!.fail(unreachable())
  await settled()
  const waiting = () => lines.splice(0).map(([, line]) => (line as { waiting: number }).waiting)
  assert.equal(waiting(), [1, 0])
  await idle.close()
  const late = open()
  assert.equal(waiting(), [0])
  await clock.advance(100)
  driver.runs[2]!.succeed()
  await write
  assert.equal(waiting(), [1, 0])
  await flow.close()
  await late.close()
  const other = new BatchFlow(executor, { flushSize: 1, clock })
  const last = other.write(users, user(2))
  driver.runs[3]!.fail(unreachable())
  await clock.advance(1000)
  driver.runs[4]!.succeed()
  await last
  assert.equal(lines, [])
  await other.close()
})

test('a flow takes its watch off when it is closed, or has been aborted', async () => {
  const { executor, open } = await setUp({})
  const watching = new Set<OutageObserver>()
  const { gate } = executor
  const watch = gate.watch.bind(gate)
  gate.watch = (observer) => {
    watching.add(observer)
    const stop = watch(observer)
    return () => {
      watching.delete(observer)
      stop()
    }
  }
  const flow = open()
  assert.is(watching.size, 1)
  await flow.close()
  assert.is(watching.size, 0)
  const controller = new AbortController()
  const aborted = new BatchFlow(executor, { signal: controller.signal })
  assert.is(watching.size, 1)
  controller.abort()
  await aborted.close()
  assert.is(watching.size, 0)
})

test('a flow that nobody closes can be collected all the same', async () => {
  const { executor, open } = await setUp({})
  const forgotten = new WeakRef(open())
  await collected()
  assert.is(forgotten.deref(), undefined)
  assert.is(executor.gate.outage, undefined, 'the executor lives on')
})

test('redact changes or drops these lines, too; one that throws loses only the line', async () => {
  const redacted = async (redact: NonNullable<LogOptions['redact']>) => {
    const { driver, clock, open, lines } = await setUp({ redact })
    const flow = open()
    const write = flow.write(users, user(1))
    driver.runs[1]!.fail(unreachable())
    await clock.advance(100)
    driver.runs[2]!.succeed()
    await write
    await flow.close()
    return lines.map(([, line]) => line)
  }
  const told = await redacted((line) => (line.outage === undefined ? undefined : { tenant: 'a', outage: line.outage }))
  assert.equal(told, [
    { tenant: 'a', outage: 'began' },
    { tenant: 'a', outage: 'ended' },
  ])
  assert.equal(await redacted(() => undefined), [])
  assert.equal(
    await redacted(() => {
      throw new Error('broken redactor')
    }),
    [],
  )
})

test('what the server says of a batch it was sent is not told, as it may be made to quote a row', async () => {
  const { driver, clock, open, lines } = await setUp({})
  const flow = open()
  const write = flow.write(users, user(1))
  driver.runs[1]!.fail(new MemoryError('read_only'))
  await clock.advance(100)
  driver.runs[2]!.succeed()
  await write
  await flow.close()
  assert.equal(lines[0], [
    'warn',
    { database: 'memory', outage: 'began', reason: 'read_only', waiting: 1 },
    'memory takes no batch (read_only); rows waiting: 1',
  ])
})

test('without a logger diag is told', async () => {
  const heard = await diagnosticsOf(async () => {
    const { driver, clock, open } = await setUp()
    const flow = open()
    const write = flow.write(users, user(1))
    driver.runs[1]!.fail(unreachable())
    await clock.advance(100)
    driver.runs[2]!.succeed()
    await write
    await flow.close()
  })
  assert.equal(heard, [
    [
      'warn',
      'batchflow-otel: memory takes no batch (connection): the memory database says connection; rows waiting: 1',
    ],
    ['info', 'batchflow-otel: memory takes batches again after 0.1 s; rows waiting: 1'],
  ])
})

test('a diag logger that throws is felt by nobody', async () => {
  const broken = () => assert.unreachable('broken')
  const logger = { error: broken, warn: broken, info: broken, debug: broken, verbose: broken }
  diag.setLogger(logger, { logLevel: DiagLogLevel.INFO, suppressOverrideMessage: true })
  try {
    const { driver, clock, open } = await setUp()
    const flow = open()
    const write = flow.write(users, user(1))
    driver.runs[1]!.fail(unreachable())
    await clock.advance(100)
    driver.runs[2]!.succeed()
    await write
    await flow.close()
  } finally {
    diag.disable()
  }
})

test.run()
