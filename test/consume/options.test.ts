import { test } from 'uvu'
import { consume } from '../../src/consume/consume.ts'
import { defineTable } from '../../src/contract/table.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { rejectsWith } from '../support/assertions.ts'
import { MemoryLog, MemorySource } from '../support/consume/memory-log.ts'
import { MemoryStore } from '../support/consume/memory-store.ts'
import { events, states } from '../support/consume/rig.ts'
import { committing } from '../support/engine/memory-driver.ts'

const source = () => new MemorySource(new MemoryLog())
const executor = createExecutor(new MemoryStore())
const usual = { tables: [events], acks: 'broker' } as const

function refuses(message: string, options: object, of: unknown = source(), by: unknown = executor): Promise<unknown> {
  return rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () =>
    consume(of as never, by as never, options as never),
  )
}

test('what is no source or executor is refused', async () => {
  await refuses('consume: source must be a source with a method compare(), received null', usual, null)
  await refuses(
    'consume: executor must be made by postgresExecutor() or the like, with a method withMetricsReporter(), received an object',
    usual,
    source(),
    {},
  )
})

test('each option says what it is to be', async () => {
  const wrong: [object, string][] = [
    [{ tables: [] }, 'consume: tables must be a non-empty array of tables, received an empty array'],
    [{ tables: ['users'] }, 'consume: tables must be made by defineTable(), received "users"'],
    [
      { tables: [events, defineTable<{ id: number }>('events', { columns: ['id'] })] },
      'consume: tables has two tables named "events"; a message could mean either',
    ],
    [{ acks: 'auto' }, 'consume: acks must be one of broker, received "auto"'],
    [{ acks: undefined }, "consume: give exactly one of acks: 'broker' and position: 'database'"],
    [{ position: 'database' }, "consume: give exactly one of acks: 'broker' and position: 'database'"],
    [{ decode: 'json' }, 'consume: decode must be a function, received "json"'],
    [{ deadLetter: false }, 'consume: deadLetter must be a function, received false'],
    [{ unknownTables: 'skip' }, 'consume: unknownTables must be one of dead-letter, pause, drop, received "skip"'],
    [{ staleUpserts: true }, 'consume: staleUpserts must be one of refuse, allow, received true'],
    [{ maxMessages: 0 }, 'consume: maxMessages must be an integer of at least 1, received 0'],
    [{ maxBytes: '1' }, 'consume: maxBytes must be an integer of at least 1, received "1"'],
    [{ lagInterval: -1 }, 'consume: lagInterval must be an integer from 0 to 2147483647, received -1'],
    [{ onTrouble: {} }, 'consume: onTrouble must be a function, received an object'],
    [{ flushSize: 0 }, 'consume: flushSize must be an integer from 1 to 1000000, received 0'],
    [{ bufferSize: 1 }, 'BatchFlow: bufferSize (with flushSize 500) must be an integer of at least 500, received 1'],
  ]
  for (const [options, message] of wrong) await refuses(message, { ...usual, ...options })
})

test('a position needs a database that keeps it, and a source in order', async () => {
  await refuses(
    `consume: position: 'database' needs a database with transactions, which the driver "memory" does not have; use acks: 'broker'`,
    { tables: [events], position: 'database' },
    source(),
    createExecutor(committing()),
  )
  const unordered = source()
  unordered.ordered = false
  await refuses(
    `consume: position: 'database' needs a source that delivers in order, which "memory" does not as it is set up`,
    { tables: [events], position: 'database' },
    unordered,
  )
})

test('old rows that may come again after newer ones are refused where the last one wins, unless that is wanted', async () => {
  const unordered = source()
  unordered.ordered = false
  await refuses(
    'consume: tables: the source "memory" may deliver a message again after newer ones, and in table "states" ' +
      "(onConflict replace) the last row wins: give it onConflict.newer, or say staleUpserts: 'allow'",
    { tables: [events, states], acks: 'broker' },
    unordered,
  )
  const onConflict = { action: 'sql', keys: ['id'], sql: 'ON CONFLICT DO NOTHING' } as const
  await refuses(
    'consume: tables: the source "memory" may deliver a message again after newer ones, and in table "states" ' +
      "(onConflict sql) the last row wins: say staleUpserts: 'allow'",
    { tables: [defineTable<{ id: number }>('states', { columns: ['id'], onConflict })], acks: 'broker' },
    unordered,
  )
  const guarded = { ...states, newer: 'value' }
  await refuses(
    'consume: tables: the source "memory" may deliver a message again after newer ones, and in table "states", ' +
      "which takes deletions, a row that was deleted would come back: say staleUpserts: 'allow'",
    { tables: [{ ...guarded, deletes: ['id', 'value'] }], acks: 'broker' },
    unordered,
  )
  for (const options of [
    { ...usual },
    { ...usual, tables: [states], staleUpserts: 'allow' as const },
    { ...usual, tables: [guarded] },
  ]) {
    const worker = await consume(unordered, executor, options)
    await worker.close()
  }
})

test.run()
