/**
 * A database that goes away under load and comes back, with the settings an application has that sets nothing:
 *
 *     npm run test:faults
 *
 * `OUTAGE_SECONDS` is how long it is away (3), `OUTAGE_PLACES` where (postgres,mysql,redis), `OUTAGE_REPORT=1` prints figures.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { type OutagePlace, outagePlaces } from './outage-places.ts'

const test = suite('outages')
const SECONDS = Number(process.env['OUTAGE_SECONDS'] ?? 3)
const PLACES = (process.env['OUTAGE_PLACES'] ?? 'postgres,mysql,redis').split(',')
/** Rows a second of each table, and keys of the one that has some. */
const RATE = 500
const KEYS = 100

interface Event {
  n: number
}

interface Counter {
  id: number
  v: number
}

const events = defineTable<Event>('events', { columns: ['n'] })
const counters = defineTable<Counter>('counters', {
  columns: ['id', 'v'],
  onConflict: { action: 'update', keys: ['id'] },
})

/** How the database goes away, and comes back. */
interface Kind {
  readonly name: string
  leave(place: OutagePlace): Promise<void>
  /** Resolves when it can be reached again. */
  comeBack(place: OutagePlace): Promise<void>
}

const KINDS: readonly Kind[] = [
  { name: 'killed', leave: (place) => place.crash(), comeBack: (place) => place.start() },
  {
    name: 'a black hole',
    leave: async ({ proxy }) => {
      proxy.fault = 'black hole'
    },
    comeBack: async ({ proxy }) => {
      proxy.fault = 'none'
    },
  },
]

/** Submits rows of both tables at a steady rate until it is stopped. */
class Load {
  submitted = 0
  /** The longest that a caller was held back, in ms. */
  longest = 0
  readonly #flow: BatchFlow
  #running = true
  readonly #done: Promise<void>

  constructor(flow: BatchFlow) {
    this.#flow = flow
    this.#done = this.#run()
  }

  async stop(): Promise<void> {
    this.#running = false
    await this.#done
  }

  async #run(): Promise<void> {
    const began = Date.now()
    while (this.#running) {
      for (const due = ((Date.now() - began) / 1000) * RATE; this.submitted < due && this.#running; ) {
        const n = this.submitted++
        const start = Date.now()
        await this.#flow.submit(events, { n })
        await this.#flow.submit(counters, { id: n % KEYS, v: n })
        this.longest = Math.max(this.longest, Date.now() - start)
      }
      await sleep(10)
    }
  }
}

/** Resolves with how long the first commit from now on takes, in ms. */
async function firstCommit(flow: BatchFlow): Promise<number> {
  const start = Date.now()
  await flow.write(counters, { id: KEYS, v: 0 })
  return Date.now() - start
}

for (const [name, open] of await outagePlaces(PLACES)) {
  for (const kind of KINDS) {
    test(`${name}, ${kind.name} for ${SECONDS} s: no row fails, none is lost, and it goes on at once`, async () => {
      const place = await open()
      const flow = new BatchFlow(place.executor.withConcurrencyLimit(8), { deadLetter: () => {} })
      const load = new Load(flow)
      await sleep(1000)
      const before = process.memoryUsage().rss
      await kind.leave(place)
      await sleep(SECONDS * 1000)
      await kind.comeBack(place)
      const recovery = await firstCommit(flow)
      const after = process.memoryUsage().rss
      await sleep(500)
      await load.stop()
      const summary = await flow.close()
      const stored = await place.stored()
      await place.close()
      if (process.env['OUTAGE_REPORT'] !== undefined) {
        const doubled = [...stored.events.values()].filter((times) => times > 1).length
        const growth = Math.round((after - before) / 1e6)
        console.log({
          name,
          kind: kind.name,
          rows: 2 * load.submitted,
          recovery,
          longest: load.longest,
          doubled,
          growth,
        })
      }
      assert.equal({ ...summary, abandonedRows: [] }, { ...EVERYTHING, committed: 2 * load.submitted + 1 })
      const lost = Array.from({ length: load.submitted }, (_, n) => n).filter((n) => !stored.events.has(n))
      assert.equal(lost, [])
      for (let id = 0; id < KEYS; id++) assert.is(stored.counters.get(id), lastOf(id, load.submitted), `key ${id}`)
      assert.ok(recovery < 3000, `${recovery} ms from the moment it could be reached again to the first commit`)
    })
  }
}

const EVERYTHING = { failed: 0, abandoned: 0, abandonedRows: [], undelivered: [] }

function lastOf(id: number, submitted: number): number {
  return id + KEYS * Math.floor((submitted - 1 - id) / KEYS)
}

test.run()
