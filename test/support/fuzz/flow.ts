import { ROOT_CONTEXT } from '@opentelemetry/api'
import type { MetricsReporter } from '../../../src/contract/metrics-reporter.ts'
import { type ConflictAction, defineTable, type OnConflict, type Table } from '../../../src/contract/table.ts'
import type { Tracing } from '../../../src/contract/tracing.ts'
import { createExecutor, type Executor } from '../../../src/executor/executor.ts'
import type { DeadLetter, DeadLetterHandler } from '../../../src/flow/dead-letters.ts'
import { settled } from '../engine/clock.ts'
import type { RecordingReporter } from '../engine/recording-reporter.ts'
import type { FuzzDriver } from './driver.ts'
import type { DeadLetters, Setup } from './steps.ts'

/** One for each action on conflict, named like it. */
export const tables: Record<ConflictAction, Table<object>> = {
  error: tableOf({ action: 'error' }),
  ignore: tableOf({ action: 'ignore', keys: ['id'] }),
  update: tableOf({ action: 'update', keys: ['id'] }),
  replace: tableOf({ action: 'replace', keys: ['id'] }),
  sql: tableOf({ action: 'sql', keys: ['id'], sql: 'ON CONFLICT ({id}) DO NOTHING' }),
}

function tableOf(onConflict: OnConflict<{ id: number; version: number; extra: number }>): Table<object> {
  return defineTable(onConflict.action, { columns: ['id', 'version', 'extra'], onConflict }) as Table<object>
}

export function executorFor(driver: FuzzDriver, setup: Setup, reporter: RecordingReporter): Executor {
  const { maxAttempts, maxOutage, onAmbiguous } = setup
  const executor = createExecutor(driver)
    .withConcurrencyLimit(setup.concurrencyLimit)
    .withTimeout(setup.timeout)
    .withRetry({ maxAttempts, maxOutage, onAmbiguous, maxBackoff: 100, jitter: 0 })
    .withIsolation(setup.isolation)
  return setup.ownReporter ? executor.withMetricsReporter(onlyFirst(reporter)) : executor
}

/** Who shares the executor reports nothing. */
function onlyFirst(reporter: MetricsReporter): MetricsReporter {
  let opened = 0
  return { open: (flow) => (opened++ === 0 ? reporter.open(flow) : undefined) }
}

/** @param letters where what is handed over is noted */
export function deadLetterHandler(kind: DeadLetters, letters: DeadLetter[]): DeadLetterHandler | undefined {
  if (kind === 'none') return undefined
  return (handed) => {
    letters.push(...handed)
    if (kind === 'throw') throw new Error('cannot take them')
    if (kind === 'taken later') return settled()
    return kind === 'hang' ? new Promise(() => {}) : undefined
  }
}

function broken(): never {
  throw new Error('tracing is out of order')
}

let turn = 0

/** Throws here and there: at every question, or at one of those about a batch or an attempt; or not at all. */
export const brokenTracing: Tracing = {
  open: () => {
    const place = turn++ % 7
    const at = (which: number, otherwise: unknown) => (place === which ? broken : otherwise)
    const within = (act: () => unknown) => act()
    const attempt = { within: at(1, within), end: at(2, () => {}) }
    const batch = { within: at(3, within), startAttempt: at(4, () => attempt), end: at(5, () => {}) }
    const started = { spanContext: { traceId: 'a', spanId: 'b', traceFlags: 1 }, context: ROOT_CONTEXT, ...batch }
    return place === 0
      ? { capture: broken, captureSpan: broken, startBatch: broken }
      : ({ capture: () => started.spanContext, captureSpan: () => undefined, startBatch: () => started } as never)
  },
}
