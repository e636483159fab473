/**
 * Measures BatchFlow on Redis beside a hand-written pipeline loop and a command per row:
 *
 *     node --import tsx --expose-gc bench/redis.ts [rows] [repetitions]
 */
import { BatchFlow, defineTable, type Table } from 'batchflow-otel'
import { redisExecutor, stream } from 'batchflow-otel/redis'
import { Redis } from 'ioredis'
import { servers } from '../test/support/servers/servers.ts'
import { flowContender } from './flow-contender.ts'
import { alternate, type Contender } from './turns.ts'

interface Event {
  id: number
  name: string
  email: string
  score: number
  created: Date
}

const SIZE = 500
/** Rows of the loop that waits for every single one. */
const SINGLE = 5_000
const NAME = 'bench_redis'
const columns = ['id', 'name', 'email', 'score', 'created'] as const
const hashes = defineTable<Event>(NAME, { columns, onConflict: { action: 'update', keys: ['id'] } })
const entries = defineTable<Event>(NAME, { columns })

function events(count: number): Event[] {
  return Array.from({ length: count }, (_, id) => ({
    id,
    name: `event number ${id}`,
    email: `user${id % 1000}@example.org`,
    score: (id % 1000) / 7,
    created: new Date(1_700_000_000_000 + id * 1000),
  }))
}

function fieldsOf({ id, name, email, score, created }: Event): (string | number)[] {
  return ['id', id, 'name', name, 'email', email, 'score', score, 'created', created.toISOString()]
}

/** Two batches at a time, as the flow has. */
async function pipelineLoop(client: Redis, rows: readonly Event[], add: Add): Promise<void> {
  let running: Promise<unknown> = Promise.resolve()
  for (let start = 0; start < rows.length; start += SIZE) {
    const pipeline = client.pipeline()
    for (const row of rows.slice(start, start + SIZE)) add(pipeline, row)
    const before = running
    running = pipeline.exec()
    await before
  }
  await running
}

type Add = (pipeline: ReturnType<Redis['pipeline']>, row: Event) => unknown

function contendersOf(client: Redis, rows: readonly Event[], table: Table<Event>, add: Add): Contender[] {
  const before = () => clear(client)
  const executor = redisExecutor(client, table === entries ? { commands: stream() } : {}).withConcurrencyLimit(2)
  const flow = new BatchFlow(executor, { flushSize: SIZE })
  return [
    flowContender({ name: 'flow', rows: rows.length, before }, flow, async () => {
      for (const row of rows) await flow.submit(table, row)
    }),
    {
      name: 'rowByRow',
      rows: SINGLE,
      before,
      run: async () => {
        for (const row of rows.slice(0, SINGLE)) await client.hset(`${NAME}:${row.id}`, ...fieldsOf(row))
      },
    },
    { name: 'pipelineLoop', rows: rows.length, before, run: () => pipelineLoop(client, rows, add) },
  ]
}

async function clear(client: Redis): Promise<void> {
  for await (const keys of client.scanStream({ match: `${NAME}*`, count: 5000 })) {
    if ((keys as string[]).length > 0) await client.unlink(...(keys as string[]))
  }
}

async function main(count: number, repetitions: number): Promise<void> {
  const server = await servers.redis()
  if (server === undefined) throw new Error('the bench needs Redis: set REDIS_URL')
  const client = new Redis(server.url)
  try {
    const rows = events(count)
    console.error(`hashes, batches of ${SIZE}`)
    const hash: Add = (pipeline, row) => pipeline.hset(`${NAME}:${row.id}`, ...fieldsOf(row))
    await alternate(contendersOf(client, rows, hashes, hash), repetitions)
    console.error(`stream, batches of ${SIZE}`)
    const append: Add = (pipeline, row) => pipeline.xadd(NAME, '*', ...fieldsOf(row))
    await alternate(contendersOf(client, rows, entries, append), repetitions)
  } finally {
    await clear(client)
    client.disconnect()
    await server.stop()
  }
}

await main(Number(process.argv[2] ?? 100_000), Number(process.argv[3] ?? 5))
