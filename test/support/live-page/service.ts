/**
 * A service with a live page on the port it is given, writing all the time. Messages of its parent are trouble: `refuse`
 * (from now on one table's rows are refused), `leave` and `back` (an outage).
 */
import { trace } from '@opentelemetry/api'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { defineTable } from '../../../src/contract/table.ts'
import { BatchFlow } from '../../../src/flow/batch-flow.ts'
import { startPrometheus } from '../../../src/prometheus/index.ts'
import { OtelMetricsReporter, OtelTracing } from '../../../src/telemetry/index.ts'
import { MemoryDatabase } from '../../../src/testing/index.ts'

trace.setGlobalTracerProvider(new BasicTracerProvider())
const page = { title: 'Orders', traceUrl: 'https://traces.example.org/{traceId}?span={spanId}' }
await startPrometheus({ port: Number(process.argv[2]), page })

const database = new MemoryDatabase()
const executor = database
  .executor()
  .withConcurrencyLimit(2)
  .withMetricsReporter(new OtelMetricsReporter())
  .withTracing(new OtelTracing())
const flow = new BatchFlow(executor, { flushInterval: 20 })
const names = ['orders', 'payments', '<b>bold</b>']
const [orders, payments, bold] = names.map((name) => defineTable<{ id: number }>(name, { columns: ['id'] }))

process.on('message', (trouble) => {
  if (trouble === 'refuse') database.refuse(payments!, () => 'constraint')
  if (trouble === 'leave') database.leave()
  if (trouble === 'back') database.back()
})

let id = 0
setInterval(() => {
  for (const table of [orders!, orders!, payments!, bold!]) flow.trySubmit(table, { id: id++ })
}, 20)
process.send?.('ready')
