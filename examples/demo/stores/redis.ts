import { hash, redisExecutor, stream } from 'batchflow-otel/redis'
import { Redis } from 'ioredis'
import type { Flight } from '../flights.ts'
import { type Contents, type DailyDelays, Sums } from '../model.ts'
import { type Part, REFUSED } from '../tables.ts'
import type { Hold, Store, StoreOptions } from './store.ts'

/** Entries or keys read back at once. */
const PAGE = 5_000

/** Flights are entries of a stream, daily totals are hashes; all keys begin with the schema's name. */
export async function openRedis({ url, schema }: StoreOptions): Promise<Store> {
  const client = new Redis(url, { lazyConnect: true, connectTimeout: 10_000 })
  const keys = {
    flights: `${schema}:flights`,
    daily: ({ origin, day }: DailyDelays) => `${schema}:daily_delays:${origin}:${day}`,
    part: ({ id }: Part) => `${schema}:rehearsal:${id}`,
  }
  try {
    await connect(client)
    for await (const page of keysOf(client, `${schema}:*`)) await client.unlink(page)
    await client.set(keys.part(REFUSED), 'not a hash')
    return {
      label: `Redis ${/^redis_version:(\S+)/m.exec(await client.info('server'))?.[1]}`,
      executor: redisExecutor(client, {
        commands: {
          flights: stream<Flight>({ key: () => keys.flights }),
          daily_delays: hash<DailyDelays>({ key: keys.daily }),
          rehearsal: hash<Part>({ key: keys.part }),
        },
      }),
      trouble: { refusal: 'a key of another type', hold: silence(client) },
      contents: () => readContents(client, schema),
      close: async () => void (await client.quit()),
    }
  } catch (error) {
    client.disconnect()
    throw error
  }
}

/** Once: afterwards ioredis connects again by itself. What is wrong comes as an event, ahead of a plain "closed". */
async function connect(client: Redis): Promise<void> {
  let cause: Error | undefined
  client.on('error', (error) => (cause = error))
  try {
    await client.connect()
  } catch (error) {
    throw cause ?? error
  }
}

async function* keysOf(client: Redis, pattern: string): AsyncGenerator<string[]> {
  for await (const page of client.scanStream({ match: pattern, count: PAGE })) {
    if (page.length > 0) yield page as string[]
  }
}

async function readContents(client: Redis, schema: string): Promise<Contents> {
  const [flights, daily] = [new Sums(), new Sums()]
  for await (const entries of entriesOf(client, `${schema}:flights`)) {
    for (const [, fields] of entries) flights.addFlight(flightOf(recordOf(fields)))
  }
  const seen = new Set<string>() // a scan may return a key twice
  for await (const page of keysOf(client, `${schema}:daily_delays:*`)) {
    const keys = page.filter((key) => !seen.has(key) && seen.add(key))
    for (const record of await hashesAt(client, keys)) daily.addDaily(dailyOf(record))
  }
  return { flights: flights.totals, daily: daily.totals }
}

type Entry = Awaited<ReturnType<Redis['xrange']>>[number]

async function* entriesOf(client: Redis, key: string): AsyncGenerator<Entry[]> {
  let start = '-'
  for (;;) {
    const entries = await client.xrange(key, start, '+', 'COUNT', PAGE)
    if (entries.length > 0) yield entries
    if (entries.length < PAGE) return
    start = `(${entries.at(-1)![0]}`
  }
}

async function hashesAt(client: Redis, keys: readonly string[]): Promise<Record<string, string>[]> {
  const pipeline = client.pipeline()
  for (const key of keys) pipeline.hgetall(key)
  const replies = (await pipeline.exec()) ?? []
  return replies.map(([error, record]) => {
    if (error !== null) throw error
    return record as Record<string, string>
  })
}

/** Of a stream's entry: names and values in turn. */
function recordOf(fields: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {}
  for (let i = 1; i < fields.length; i += 2) record[fields[i - 1]!] = fields[i]!
  return record
}

/** A field that is not there makes the totals NaN, which nothing equals. */
function flightOf({ date = '', delay, distance, origin = '', destination = '' }: Record<string, string>): Flight {
  return { date: new Date(date), delay: Number(delay), distance: Number(distance), origin, destination }
}

function dailyOf({ origin = '', day = '', flights, delay, distance }: Record<string, string>): DailyDelays {
  return { origin, day, flights: Number(flights), delay: Number(delay), distance: Number(distance) }
}

/** A lock would keep all clients of the server waiting, so here it is the connection that falls silent. */
function silence(client: Redis): Hold {
  return {
    consequence: 'an attempt without an answer',
    async during(work) {
      const { stream } = client
      stream.pause()
      try {
        return await work()
      } finally {
        stream.resume()
      }
    },
  }
}
