/**
 * A process that writes to a table somebody will lock, for `verifyStall` to start: without a concurrency limit, without a
 * timeout, its page scraped by a real Prometheus. It says when it is ready, and how many rows were committed when it is told
 * to end.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchFlow, defineTable, type Table } from 'batchflow-otel'
import { OtelMetricsReporter } from 'batchflow-otel/otel'
import { postgresExecutor } from 'batchflow-otel/postgres'
import { startPrometheus } from 'batchflow-otel/prometheus'
import pg from 'pg'
import { FREE_TABLE, type StallTask } from './task.ts'

const ROWS_OF_A_BATCH = 5
const PAUSE_MS = 20

interface Row {
  readonly id: number
}

const task = JSON.parse(process.argv[2] ?? '') as StallTask
const resource = resourceFromAttributes({ 'service.name': task.job })
const page = await startPrometheus({ port: task.page, resource, setGlobal: false })
const reporter = new OtelMetricsReporter({ meterProvider: page.meterProvider })
const ending = new AbortController()

function open(flushSize: number): { flow: BatchFlow; close(): Promise<number> } {
  const pool = new pg.Pool({ connectionString: task.url, options: `-c search_path=${task.schema}` })
  pool.on('error', () => {}) // an idle connection that breaks is replaced by the pool
  const flow = new BatchFlow(postgresExecutor(pool).withTimeout(0).withMetricsReporter(reporter), { flushSize })
  const close = async () => {
    const { committed } = await flow.close()
    await pool.end()
    return committed
  }
  return { flow, close }
}

/** Rows one after the other; `submit` waits where the buffer is full. */
async function stream(flow: BatchFlow, table: Table<Row>): Promise<void> {
  for (let id = 0; !ending.signal.aborted; id++) {
    await flow.submit(table, { id })
    await sleep(PAUSE_MS)
  }
}

const table = (name: string) => defineTable<Row>(name, { columns: ['id'] })
const locked = open(task.load === 'batch' ? ROWS_OF_A_BATCH : 500)
const free = open(500)
const batch = () =>
  locked.flow.submitMany(
    table(task.table),
    Array.from({ length: ROWS_OF_A_BATCH }, (_, id) => ({ id })),
  )

await batch()
const streams =
  task.load === 'batch' ? [] : [stream(locked.flow, table(task.table)), stream(free.flow, table(FREE_TABLE))]
process.on('message', async (told) => {
  if (told === 'write' && task.load === 'batch') await batch()
  if (told !== 'end') return
  ending.abort()
  await Promise.all(streams)
  process.send?.({ committed: (await locked.close()) + (await free.close()) })
  await page.stop()
  process.disconnect()
})
process.send?.('ready')
