/** A process that adds to keys to which another one adds meanwhile: `adder.ts <url> <table> <which>`, told when to begin. */
import { once } from 'node:events'
import { BatchFlow, defineTable } from 'batchflow-otel'
import { openDatabase } from '../../../src/cli/databases/open.ts'
import { RecordingReporter } from '../engine/recording-reporter.ts'

export interface Addition {
  readonly id: number
  readonly hits: number
  readonly last: number
}

export interface Added {
  readonly committed: number
  readonly failed: number
  /** Reasons of attempts that were repeated. */
  readonly retried: readonly string[]
}

export const KEYS = 2000
export const ROWS = 20_000

/** In another order of keys for each process. */
export function addition(which: number, i: number): Addition {
  return { id: (i * (which === 0 ? 7 : 1993)) % KEYS, hits: (i % 11) + which, last: i }
}

const CONNECTIONS = 4

async function add(url: string, name: string, which: number): Promise<Added> {
  const database = await openDatabase({ url, connections: CONNECTIONS })
  const reporter = new RecordingReporter()
  const executor = database.executor.withConcurrencyLimit(CONNECTIONS).withMetricsReporter(reporter)
  const flow = new BatchFlow(executor, { flushSize: 250, flushInterval: 5, bufferSize: 1000 })
  const table = defineTable<Addition>(name, {
    columns: ['id', 'hits', 'last'],
    onConflict: { action: 'update', keys: ['id'], set: { hits: 'add', last: 'max' } },
  })
  process.send!('ready')
  await once(process, 'message')
  for (let i = 0; i < ROWS; i++) await flow.submit(table, addition(which, i))
  const { committed, failed } = await flow.close()
  await database.close()
  return { committed, failed, retried: reporter.of('countError').map(([kind, reason]) => `${kind}:${reason}`) }
}

const [url, table, which] = process.argv.slice(2)
if (process.send !== undefined && which !== undefined) {
  process.send(await add(url!, table!, Number(which)))
  process.disconnect()
}
