/** What an executor promises to whoever compiles against it. Nothing here is run: `tsc` is the test. */
import {
  type Classification,
  createExecutor,
  type Driver,
  defineTable,
  type Executor,
  type Finding,
  type MetricsReporter,
  type Preview,
  type Tracing,
  type WriteResult,
} from 'batchflow-otel'
import { OtelMetricsReporter, OtelTracing } from 'batchflow-otel/otel'
import { startPrometheus } from 'batchflow-otel/prometheus'
import { expectTypeOf } from 'expect-type'

declare const driver: Driver
declare const reporter: MetricsReporter
declare const tracing: Tracing
const executor = createExecutor(driver)
const users = defineTable<{ id: number; note?: string }>('users', { columns: ['id'] })

// Every `with…` gives an executor, so that they can be chained.
expectTypeOf(executor).toEqualTypeOf<Executor>()
expectTypeOf(executor.withConcurrencyLimit(8)).toEqualTypeOf<Executor>()
expectTypeOf(executor.withRetry({ maxAttempts: 3 })).toEqualTypeOf<Executor>()
expectTypeOf(executor.withRetry({ maxAttempts: 3, onAmbiguous: 'fail' })).toEqualTypeOf<Executor>()
expectTypeOf(executor.withTimeout(2000)).toEqualTypeOf<Executor>()
expectTypeOf(executor.withMetricsReporter(reporter)).toEqualTypeOf<Executor>()
expectTypeOf(executor.withTracing(tracing)).toEqualTypeOf<Executor>()
expectTypeOf(executor.withErrorClassifier(() => undefined)).toEqualTypeOf<Executor>()
expectTypeOf(executor.withIsolation(false)).toEqualTypeOf<Executor>()

// @ts-expect-error a number of batches
executor.withConcurrencyLimit('8')
// @ts-expect-error milliseconds
executor.withTimeout('2s')
// @ts-expect-error a slip in an option
executor.withRetry({ maxAttempts: 3, backofBase: 20 })
// @ts-expect-error the type of an option
executor.withRetry({ maxAttempts: '3' })
// @ts-expect-error one of two words
executor.withRetry({ maxAttempts: 3, onAmbiguous: 'ignore' })
// @ts-expect-error a meter provider is no reporter
executor.withMetricsReporter({ getMeter: () => undefined })
// @ts-expect-error a tracer provider is no tracing
executor.withTracing({ getTracer: () => undefined })
// @ts-expect-error a classification has a reason
executor.withErrorClassifier(() => ({ retryable: true }))

// A reason may be one of the known ones or a word of one's own.
executor.withErrorClassifier((error) => {
  expectTypeOf(error).toEqualTypeOf<unknown>()
  return { reason: 'quota', retryable: true }
})
expectTypeOf<{ reason: 'deadlock' }>().toExtend<Classification>()

// A preview takes rows of the table.
expectTypeOf(executor.preview(users, [{ id: 1 }])).toEqualTypeOf<Promise<Preview>>()
void executor.preview(users, [{ id: 1 }], { values: true })
// @ts-expect-error the type of a column
void executor.preview(users, [{ id: '1' }])
// @ts-expect-error a slip in an optional column
void executor.preview(users, [{ id: 1, noet: 'first' }])
// @ts-expect-error a slip in an option
void executor.preview(users, [{ id: 1 }], { value: true })

// A check takes any table.
expectTypeOf(executor.check(users)).toEqualTypeOf<Promise<readonly Finding[]>>()
// @ts-expect-error which defineTable makes
void executor.check('users')

// A write takes rows of the table, and gives back those that failed.
const written = executor.write(users, [{ id: 1 }], { signal: new AbortController().signal })
expectTypeOf(written).resolves.toEqualTypeOf<WriteResult<{ id: number; note?: string }>>()
// @ts-expect-error the type of a column
void executor.write(users, [{ id: '1' }])
// @ts-expect-error rows, not one of them
void executor.write(users, { id: 1 })

// A driver of one's own.
expectTypeOf<Driver['classify']>().returns.toEqualTypeOf<Classification | undefined>()
createExecutor({
  name: 'own',
  plan: ({ table, columns, rows }) => {
    expectTypeOf(table.name).toEqualTypeOf<string>()
    expectTypeOf(columns).toEqualTypeOf<readonly string[]>()
    expectTypeOf(rows).toEqualTypeOf<readonly object[]>()
    return { name: 'INSERT', text: '' }
  },
  run: async (_, { signal }) => {
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
    return undefined
  },
  classify: () => undefined,
})
// @ts-expect-error a driver runs what it plans
createExecutor({ name: 'own', plan: () => ({ name: 'INSERT', text: '' }), classify: () => undefined })

// Telemetry.
expectTypeOf<OtelMetricsReporter>().toExtend<MetricsReporter>()
expectTypeOf<OtelTracing>().toExtend<Tracing>()
new OtelMetricsReporter({ database: 'postgres', testName: 'user_batch' })
void startPrometheus({ port: 9464 })
// @ts-expect-error a slip in an option
new OtelMetricsReporter({ testname: 'user_batch' })
// @ts-expect-error the type of an option
new OtelMetricsReporter({ testName: 7 })
// @ts-expect-error a slip in an option
new OtelTracing({ atemptSpans: 'none' })
// @ts-expect-error one of three words
new OtelTracing({ attemptSpans: 'some' })
// @ts-expect-error the type of an option
void startPrometheus({ port: '9464' })
