import type pg from 'pg'
import type { Contender, Filling } from './contender.ts'
import { Crew } from './crew.ts'
import type { Log, Opened } from './log.ts'
import { createTable, type Event, events, eventTable, slices } from './rows.ts'
import type { How } from './worker.ts'

export interface Place {
  readonly log: Log
  /** Of the broker. */
  readonly config: string
  readonly pool: pg.Pool
  /** URL of PostgreSQL. */
  readonly url: string
  readonly schema: string
}

interface Planned {
  readonly name: string
  readonly how: How
  readonly workers: number
}

/** Of a log. */
const PARTITIONS = 8
/** Rows of one INSERT of what is written by hand, as a worker's batches have. */
const BATCH = 500
/** An INSERT a message is so slow that a part of the rows will do. */
const PART = 10
/** Messages by hand that are on their way into the log at a time. */
const SENT = 500

const PLAN: readonly Planned[] = [
  { name: 'submit, from memory', how: 'submit', workers: 1 },
  { name: 'position, 1 worker', how: 'database', workers: 1 },
  { name: 'position, 2 workers', how: 'database', workers: 2 },
  { name: 'acks, 1 worker', how: 'broker', workers: 1 },
  { name: 'acks, 2 workers', how: 'broker', workers: 2 },
  { name: 'by hand, by message', how: 'each', workers: 1 },
  { name: 'by hand, by fetch', how: 'batch', workers: 1 },
]

/** @param rows of one turn @param perMessage rows of one message */
export async function contendersOf(place: Place, rows: number, perMessage: number): Promise<Opened<Contender[]>> {
  const all: Contender[] = []
  const ends: (() => unknown)[] = []
  const made = events(rows)
  for (const { name, how, workers } of PLAN) {
    const table = `${how}_${workers}_${perMessage}`
    await createTable(place.pool, table)
    const filling = how === 'submit' ? undefined : await fillingOf(place, how, table, made, perMessage)
    const { log, config, url, schema } = place
    const args = [log.name, how, config, url, schema, table, String(BATCH / perMessage)]
    const isShared = how === 'database' || how === 'broker'
    const crew = await Crew.start(workers, args, isShared ? PARTITIONS : 0)
    all.push({ name, rows: how === 'each' ? rows / PART : rows, table, crew, filling: filling?.value })
    ends.push(
      () => crew.close(),
      () => filling?.close(),
    )
  }
  return { value: all, close: () => Promise.all(ends.map((end) => end())) }
}

async function fillingOf(
  { log, config }: Place,
  how: How,
  stream: string,
  rows: readonly Event[],
  perMessage: number,
): Promise<Opened<Filling>> {
  await log.create?.(config, stream)
  if (how === 'each' || how === 'batch') {
    const { value: send, close } = await log.sender(config, stream)
    const fill = async (count: number) => {
      for (const some of slices(rows.slice(0, count), SENT * perMessage))
        await send(Array.from(slices(some, perMessage), (few) => JSON.stringify(few)))
    }
    return { value: { name: 'plain client', fill }, close }
  }
  const { value: publisher, close } = await log.publisher(config, stream)
  const table = eventTable(stream)
  const fill = async () => {
    if (perMessage === 1) for (const row of rows) await publisher.submit(table, row)
    else for (const few of slices(rows, perMessage)) await publisher.submitMany(table, few)
    await publisher.flush()
  }
  return {
    value: { name: 'publisher', fill },
    close: async () => {
      await publisher.close()
      await close()
    },
  }
}
