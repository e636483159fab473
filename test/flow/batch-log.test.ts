import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { LogOptions } from '../../src/flow/batch-log.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { OtelTracing } from '../../src/telemetry/index.ts'
import { rejectsWith } from '../support/assertions.ts'
import { rig } from '../support/engine/flow.ts'
import { committing, MemoryDriver, MemoryError } from '../support/engine/memory-driver.ts'
import { updated, user, users, usersFrom } from '../support/engine/tables.ts'
import { Traces } from '../support/telemetry/traces.ts'

const test = suite('batch log')

type Line = [level: string, line: object, message: string]

function logging(options: Omit<LogOptions, 'logger'> = {}, driver = new MemoryDriver()) {
  const lines: Line[] = []
  const write = (level: string) => (line: object, message: string) => void lines.push([level, line, message])
  const logger = { info: write('info'), warn: write('warn'), error: write('error') }
  const made = rig({ flushSize: 2, deadLetter: () => {}, log: { logger, ...options } }, undefined, driver)
  return { ...made, lines }
}

test('a failed batch gets a line that tells what, and no value of a row', async () => {
  const { flow, driver, clock, lines } = logging()
  await flow.submitMany(users, usersFrom(1, 2))
  await clock.advance(20)
  driver.runs[0]!.succeed([{ index: 0, error: new MemoryError('constraint') }])
  await flow.close()
  assert.equal(lines, [
    [
      'error',
      {
        database: 'memory',
        table: 'users',
        status: 'fail',
        reason: 'constraint',
        rows: 2,
        accepted: 2,
        failed: 1,
        attempts: 1,
        trigger: 'size',
        durationMs: 20,
        fingerprint: '3575989d68242b0e',
      },
      'batch of users: 1 of 2 rows failed (constraint)',
    ],
  ])
})

test('a slow batch gets a warning, a quick one no line', async () => {
  const { flow, driver, clock, lines } = logging({ slow: 100 })
  await flow.submitMany(users, usersFrom(1, 2))
  await clock.advance(100)
  driver.runs[0]!.succeed()
  await flow.submitMany(updated, [user(1), user(1), user(2)])
  await clock.advance(101)
  driver.runs[1]!.succeed()
  await flow.close()
  assert.equal(
    lines.map(([level, line, message]) => [level, (line as { accepted: number }).accepted, message]),
    [['warn', 3, 'batch of updated was slow']],
  )
})

test('errors only, or a share of all', async () => {
  const levels = async (sample: 'errors' | number, slow: number) => {
    const { flow, lines } = logging({ sample, slow }, committing())
    await flow.submitMany(users, usersFrom(1, 20))
    await flow.close()
    return lines.map(([level]) => level)
  }
  assert.equal(await levels('errors', 0), [])
  assert.equal(await levels(1, 1000), Array(10).fill('info'))
  assert.equal(await levels(0, 1000), [])
})

function throwing(): never {
  throw new Error('broken redactor')
}

test('redact changes or drops a line; one that throws loses only the line', async () => {
  const redacted = async (redact: NonNullable<LogOptions['redact']>) => {
    const { flow, lines } = logging({ sample: 1, redact }, committing())
    await flow.submitMany(users, usersFrom(1, 2))
    assert.is((await flow.close()).committed, 2)
    return lines.map(([, line]) => line)
  }
  assert.equal(await redacted(({ table }) => ({ tenant: table })), [{ tenant: 'users' }])
  assert.equal(await redacted(() => undefined), [])
  assert.equal(await redacted(throwing), [])
})

test('lines carry the ids of the batch span', async () => {
  const traces = new Traces()
  const lines: object[] = []
  const write = (line: object) => void lines.push(line)
  const { flow } = rig(
    { flushSize: 1, log: { logger: { info: write, warn: write, error: write }, sample: 1 } },
    (executor) => executor.withTracing(new OtelTracing({ tracerProvider: traces.provider })),
    committing(),
  )
  const receipt = await flow.write(users, user(1))
  await flow.close()
  const { traceId, spanId } = lines[0] as { traceId: string; spanId: string }
  assert.equal({ traceId, spanId }, { traceId: receipt.traceId, spanId: receipt.spanId })
})

test('refuses options that are none', async () => {
  const logger = console
  const refuses = (options: object, message: string) =>
    rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => rig({ log: options as LogOptions }))
  await refuses({ logger: {} }, 'BatchFlow: log.logger must be a logger with a method info(), received an object')
  await refuses({ logger, slow: -1 }, 'BatchFlow: log.slow must be a number from 0 to Infinity, received -1')
  await refuses(
    { logger, sample: 'all' },
    'BatchFlow: log.sample must be errors, errors and slow, or a number from 0 to 1, received "all"',
  )
  await refuses(
    { logger, level: 'warn' },
    'BatchFlow: log: unknown option "level"; there are logger, slow, sample, redact',
  )
})

test.run()
