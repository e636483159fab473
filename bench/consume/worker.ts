/**
 * One contender, or one of its workers, in a process of its own, so that CPU time is its own:
 * `worker.ts <log> <how> <config> <PostgreSQL URL> <schema> <name> <size>`. It tells its parent what it has done.
 */
import { BatchFlow } from 'batchflow-otel'
import { type ConsumeOptions, consume } from 'batchflow-otel/consume'
import { postgresExecutor } from 'batchflow-otel/postgres'
import pg from 'pg'
import type { Log } from './log.ts'
import { type Event, events, eventTable, insertByHand } from './rows.ts'

export type How = 'submit' | 'database' | 'broker' | 'each' | 'batch'

/** So far, since the process began. */
export interface Report {
  /** Committed. */
  readonly rows: number
  /** CPU time in µs. */
  readonly cpu: number
  readonly partitions: number
}

/** In ms: what it costs is a part of what is measured. */
const TELL_EVERY = 25

const [logName, how, config, url, schema, name, size] = process.argv.slice(2) as [string, How, ...string[]]
const pool = new pg.Pool({ connectionString: url!, max: 4, options: `-c search_path=${schema}` })
const executor = postgresExecutor(pool).withConcurrencyLimit(4)
const table = eventTable(name!)

/** What has been done; `go` is told to those who wait to be. */
interface Work {
  done(): { rows: number; partitions: number }
  go?(rows: number): Promise<unknown>
}

async function openLog(): Promise<Log> {
  const { log } = (await import(`./logs/${logName}.ts`)) as { log: Log }
  return log
}

const BEGIN: Record<How, () => Promise<Work>> = {
  submit: async () => {
    const flow = new BatchFlow(executor)
    const rows: Event[] = []
    return {
      done: () => ({ rows: flow.stats().committed, partitions: 0 }),
      go: async (count) => {
        if (rows.length < count) rows.push(...events(count))
        for (let i = 0; i < count; i++) await flow.submit(table, rows[i]!)
        await flow.flush()
      },
    }
  },
  database: () => work({ position: 'database' }),
  broker: () => work({ acks: 'broker' }),
  each: () => byHand(500, 1),
  batch: () => byHand(Number(size), Number(size)),
}

async function work(remembering: { position: 'database' } | { acks: 'broker' }): Promise<Work> {
  const { value } = await (await openLog()).source(config!, name!)
  const worker = await consume(value, executor, { tables: [table], ...remembering } as ConsumeOptions)
  return {
    done: () => {
      const { committed, source } = worker.stats()
      return { rows: committed, partitions: Object.keys(source.partitions).length }
    },
  }
}

/** @param fetch messages of one fetch @param insert messages of one INSERT */
async function byHand(fetch: number, insert: number): Promise<Work> {
  let rows = 0
  const log = await openLog()
  const read = async () => {
    for await (const { bodies, ack } of log.fetches(config!, name!, fetch)) {
      for (let from = 0; from < bodies.length; from += insert) {
        const to = Math.min(from + insert, bodies.length)
        const some = bodies.slice(from, to).flatMap((body) => JSON.parse(body) as Record<string, unknown>[])
        await insertByHand(pool, name!, some)
        rows += some.length
        await ack(from, to)
      }
    }
  }
  void read()
  return { done: () => ({ rows, partitions: 0 }) }
}

const { done, go } = await BEGIN[how]()
let told = ''

function tell(always: boolean): void {
  const now = done()
  const text = JSON.stringify(now)
  if (text === told && !always) return
  told = text
  const { user, system } = process.cpuUsage()
  process.send!({ ...now, cpu: user + system } satisfies Report)
}

process.on('message', (message: { go: number } | 'tell') => {
  if (message === 'tell') tell(true)
  else void go?.(message.go)
})
process.once('disconnect', () => process.exit())
setInterval(() => tell(false), TELL_EVERY)
tell(true)
