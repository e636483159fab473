/** A worker process, as it is or bundled: `worker.ts <engine> <mode> <config> <PostgreSQL URL> <schema>`. SIGTERM closes it, SIGKILL is the test. */
import { extname } from 'node:path'
import pg from 'pg'
import { type ConsumeOptions, consume, decodeMessage, type MessageDecoder } from '../../src/consume/index.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import type { Engine } from './engine.ts'
import { tablesIn } from './tables.ts'

const [name, mode, config, url, schema] = process.argv.slice(2) as [string, string, string, string, string]
const file = `./engines/${name}${extname(import.meta.filename)}`
const { engine } = (await import(new URL(file, import.meta.url).href)) as { engine: Engine }
const pool = new pg.Pool({ connectionString: url, max: 8, options: `-c search_path=${schema}` })
pool.on('error', () => undefined)
const source = await engine.source(config)
const { users, events } = tablesIn(schema)
/** With each row goes where it was in the log: what is twice in there is told from what was written twice. */
const decode: MessageDecoder = (message) =>
  decodeMessage(message).map(({ table, row }) => ({ table, row: { ...row, at: message.position } }))
const how = mode === 'database' ? { position: 'database' } : { acks: 'broker' }
const executor = postgresExecutor(pool).withRetry({ maxOutage: Number.POSITIVE_INFINITY })
const worker = await consume(source.value, executor, {
  tables: [users, events],
  flushInterval: 20,
  decode,
  onTrouble: () => undefined,
  ...how,
} as ConsumeOptions)
console.log('under way')
process.once('SIGTERM', async () => {
  await worker.close({ timeout: 10_000 })
  console.log(JSON.stringify(worker.stats().source.messages))
  await source.close()
  await pool.end()
})
