/** What a flow promises to whoever compiles against it. Nothing here is run: `tsc` is the test. */
import type { Writable } from 'node:stream'
import {
  BatchFlow,
  type Change,
  type CloseSummary,
  type DeadLetter,
  type DeadLetterRow,
  type Deletion,
  deadLetterFile,
  deadLetterTo,
  defineTable,
  deletion,
  type Executor,
  isDeletion,
  type Receipt,
  type ReplaySummary,
  type Row,
  type RowFailedError,
  replayDeadLetters,
  type WriteResult,
} from 'batchflow-otel'
import { expectTypeOf } from 'expect-type'

interface User {
  id: number
  name: string
  email?: string
}

declare const executor: Executor
declare const signal: AbortSignal
declare const ada: User
const flow = new BatchFlow(executor)
const users = defineTable<User>('users', { columns: ['id', 'name', 'email'] })

// One row.
expectTypeOf(flow.submit(users, ada)).toEqualTypeOf<Promise<void>>()
expectTypeOf(flow.submit(users, { id: 1, name: 'Ada' }, { signal })).toEqualTypeOf<Promise<void>>()
expectTypeOf(flow.write(users, { id: 1, name: 'Ada' })).toEqualTypeOf<Promise<Receipt>>()
expectTypeOf(flow.trySubmit(users, { id: 1, name: 'Ada' })).toEqualTypeOf<boolean>()

// @ts-expect-error the type of a column
void flow.submit(users, { id: '1', name: 'Ada' })
// @ts-expect-error a column that is missing
void flow.submit(users, { id: 1 })
// @ts-expect-error a slip in an optional column
void flow.submit(users, { id: 1, name: 'Ada', emial: 'ada@example.org' })
// @ts-expect-error the type of a column
void flow.write(users, { id: '1', name: 'Ada' })
// @ts-expect-error a slip in an optional column
void flow.write(users, { id: 1, name: 'Ada', emial: 'ada@example.org' })
// @ts-expect-error the type of a column
flow.trySubmit(users, { id: '1', name: 'Ada' })
// @ts-expect-error a slip in an optional column
flow.trySubmit(users, { id: 1, name: 'Ada', emial: 'ada@example.org' })
// @ts-expect-error a table is made by defineTable
void flow.submit('users', ada)
// @ts-expect-error a row is an object
void flow.submit(users, undefined)

// Many rows: whatever can be iterated.
expectTypeOf(flow.submitMany(users, [ada])).toEqualTypeOf<Promise<void>>()
expectTypeOf(flow.submitMany(users, new Set([ada]), { signal })).toEqualTypeOf<Promise<void>>()
expectTypeOf(flow.writeMany(users, [ada])).toEqualTypeOf<Promise<PromiseSettledResult<Receipt>[]>>()

// @ts-expect-error the type of a column
void flow.submitMany(users, [{ id: '1', name: 'Ada' }])
// @ts-expect-error a slip in an optional column
void flow.submitMany(users, [{ id: 1, name: 'Ada', emial: 'ada@example.org' }])
// @ts-expect-error one row is not many
void flow.submitMany(users, ada)
// @ts-expect-error the type of a column
void flow.writeMany(users, [{ id: '1', name: 'Ada' }])
// @ts-expect-error a slip in an optional column
void flow.writeMany(users, [{ id: 1, name: 'Ada', emial: 'ada@example.org' }])
// @ts-expect-error one row is not many
void flow.writeMany(users, ada)

// @ts-expect-error the only option is a signal
void flow.submit(users, ada, { signl: signal })
// @ts-expect-error of the right type
void flow.write(users, ada, { signal: 1000 })
// @ts-expect-error which trySubmit has no use for
flow.trySubmit(users, ada, { signal })

// Deletions, by the keys that the type of the table names, and among rows.
const onConflict = { action: 'update', keys: ['id'] } as const
const people = defineTable<User, 'id'>('people', { columns: ['id', 'name', 'email'], onConflict, deletes: true })
const versioned = defineTable<User & { version: number }, 'id' | 'version'>('versioned', {
  columns: ['id', 'name', 'email', 'version'],
  onConflict: { ...onConflict, newer: 'version' },
  deletes: true,
})
expectTypeOf(flow.delete(people, { id: 1 })).toEqualTypeOf<Promise<Receipt>>()
expectTypeOf(flow.deleteMany(people, [{ id: 1 }], { signal })).toEqualTypeOf<Promise<PromiseSettledResult<Receipt>[]>>()
void flow.delete(versioned, { id: 1, version: 2 })
void flow.submit(people, deletion({ id: 1 }))
void flow.submitMany(people, [ada, deletion({ id: 1 })])
void flow.deliver(people, deletion({ id: 1 }), { committed: () => {}, failed: () => {} })
expectTypeOf(executor.write(people, [ada])).toEqualTypeOf<Promise<WriteResult<User>>>()
expectTypeOf(executor.write(people, [ada, deletion({ id: 1 })])).toEqualTypeOf<Promise<WriteResult<Change<User>>>>()
void executor.preview(people, [deletion({ id: 1 })])
// Where it names none, what is missing shows at run time.
void flow.delete(users, { id: 1 })

// @ts-expect-error the key is missing
void flow.delete(people, {})
// @ts-expect-error the version is missing
void flow.delete(versioned, { id: 1 })
// @ts-expect-error the version of one is
void flow.deleteMany(versioned, [{ id: 1, version: 1 }, { id: 2 }])
// @ts-expect-error a column that is no key
void flow.delete(people, { id: 1, name: 'Ada' })
// @ts-expect-error the type of a key
void flow.delete(people, { id: '1' })
// @ts-expect-error a property that the table does not have, in a deletion among rows
void flow.submit(people, deletion({ idd: 1 }))
// @ts-expect-error the same in an array
void flow.submitMany(people, [ada, deletion({ idd: 1 })])
// @ts-expect-error the type of a key, in a deletion among rows
void flow.submit(people, deletion({ id: '1' }))
// @ts-expect-error no such property
void flow.delete(users, { ix: 1 })
// @ts-expect-error a key alone is no row
void flow.submit(people, { id: 1 })
// @ts-expect-error keys are properties of rows
defineTable<User, 'uid'>('people', { columns: ['id', 'name', 'email'], onConflict, deletes: true })
declare const change: Change<User>
if (isDeletion(change)) expectTypeOf(change).toEqualTypeOf<Deletion<User>>()
else expectTypeOf(change).toEqualTypeOf<User>()

// The rest of its life.
expectTypeOf(flow.writable(users)).toExtend<Writable>()
expectTypeOf(flow.flush()).toEqualTypeOf<Promise<void>>()
expectTypeOf(flow.close()).toEqualTypeOf<Promise<CloseSummary>>()
expectTypeOf(flow.close({ timeout: 1000 })).toEqualTypeOf<Promise<CloseSummary>>()
expectTypeOf(flow).toExtend<AsyncDisposable>()
// @ts-expect-error a slip in an option
void flow.close({ timout: 1000 })
// @ts-expect-error the type of an option
void flow.close({ timeout: '1s' })

// What it tells.
expectTypeOf<Receipt>().toHaveProperty('table').toEqualTypeOf<string>()
expectTypeOf<Receipt>().toHaveProperty('rows').toEqualTypeOf<number>()
expectTypeOf<Receipt>().toHaveProperty('attempts').toEqualTypeOf<number>()
expectTypeOf<Receipt['traceId']>().toEqualTypeOf<string | undefined>()
expectTypeOf<Receipt['spanId']>().toEqualTypeOf<string | undefined>()
expectTypeOf<CloseSummary>().toHaveProperty('committed').toEqualTypeOf<number>()
expectTypeOf<CloseSummary>().toHaveProperty('failed').toEqualTypeOf<number>()
expectTypeOf<CloseSummary>().toHaveProperty('abandoned').toEqualTypeOf<number>()
expectTypeOf<CloseSummary['abandonedRows'][number]['row']>().toEqualTypeOf<Row>()

// Options.
new BatchFlow(executor, { bufferSize: 5000, flushSize: 200, flushInterval: 100, signal })
new BatchFlow(executor, { log: { logger: console } })
new BatchFlow(executor, {
  deadLetter: (letters) => {
    expectTypeOf(letters).toEqualTypeOf<readonly DeadLetter[]>()
    for (const { table, row, error } of letters) {
      expectTypeOf(table).toEqualTypeOf<string>()
      expectTypeOf(row).toEqualTypeOf<Row>()
      expectTypeOf(error).toEqualTypeOf<RowFailedError>()
    }
  },
})
new BatchFlow(executor, { deadLetter: async () => undefined })

// @ts-expect-error without an executor
new BatchFlow()
// @ts-expect-error a client is no executor
new BatchFlow({ connect: async () => undefined })
// @ts-expect-error a slip in an option
new BatchFlow(executor, { flushsize: 200 })
// @ts-expect-error the type of an option
new BatchFlow(executor, { flushSize: '200' })
// @ts-expect-error null is not "not given"
new BatchFlow(executor, { log: null })
// @ts-expect-error a slip within an option
new BatchFlow(executor, { log: { logger: console, slo: 10 } })
// @ts-expect-error a letter is not a row
new BatchFlow(executor, { deadLetter: (letters: readonly User[]) => void letters })

// Dead letters that keep.
const letters = defineTable<Pick<DeadLetterRow, 'table_name' | 'row'>>('letters', { columns: ['table_name', 'row'] })
const some = defineTable<{ row: string }>('letters', { columns: ['row'] })
new BatchFlow(executor, { deadLetter: deadLetterFile('letters.ndjson', { maxBytes: 1e6, maxFiles: 9, fsync: false }) })
new BatchFlow(executor, { deadLetter: deadLetterTo(flow, letters) })
new BatchFlow(executor, { deadLetter: deadLetterTo(flow, some) })
new BatchFlow(executor, { deadLetter: deadLetterTo(flow, users, ({ error }) => ({ id: 1, name: error.reason })) })
expectTypeOf(replayDeadLetters('letters.ndjson', flow, [users, letters])).toEqualTypeOf<Promise<ReplaySummary>>()
void replayDeadLetters('letters.ndjson', flow, { people: users }, { signal, ambiguous: 'submit', unknownTable: 'keep' })

// @ts-expect-error a table of other rows needs a mapping
deadLetterTo(flow, users)
// @ts-expect-error a mapping to other rows
deadLetterTo(flow, users, () => ({ id: '1', name: 'Ada' }))
// @ts-expect-error a name is no table
void replayDeadLetters('letters.ndjson', flow, ['users'])
