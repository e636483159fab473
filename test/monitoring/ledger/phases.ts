/** What the ledger load does, one thing after the other. */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import type { Tracer } from '@opentelemetry/api'
import type { BatchFlow, Table } from 'batchflow-otel'
import { growing, type Item, SLOTS, type Writer } from './writer.ts'

/** Requests that are under way at once, so that a batch carries rows of several. */
const AT_ONCE = 3
const ROWS = 12
const KEYS = 7
const BAD_EVERY = 5

/** Requests, some with a row that the database refuses. */
export async function requests(writer: Writer, tracer: Tracer, rounds: number): Promise<void> {
  const { store, grows, keyed } = writer
  for (let round = 0; round < rounds; round++) {
    const bad = store.constrained && round % BAD_EVERY === BAD_EVERY - 1
    const group = Array.from({ length: AT_ONCE }, (_, i) =>
      writer.request(tracer, () => [
        ...rows(ROWS, (j) => writer.write(grows, writer.item(bad && i + j === 0 ? { amount: -1 } : {}))),
        ...rows(ROWS, (j) => writer.write(keyed, writer.item({ customer: (round + j) % KEYS }))),
      ]),
    )
    await Promise.all(group)
    await writer.write(grows, writer.item()) // outside of any request
  }
}

/** Attempts that are repeated, a batch that is given up whole, an outage that is waited out. */
export async function troubles(writer: Writer, tracer: Tracer): Promise<void> {
  const one = () => writer.request(tracer, () => rows(ROWS, () => writer.write(writer.grows, writer.item())))
  writer.trouble({ reason: 'deadlock', retryable: true, isolate: false })
  writer.trouble({ reason: 'lock_timeout', retryable: true, isolate: false })
  await one()
  writer.trouble({ reason: 'permission', retryable: false, isolate: false })
  await one()
  writer.trouble({ reason: 'read_only', retryable: true, isolate: false, outage: true })
  writer.outage('read_only')
  await one()
}

/** More rows than there is room for, so that submitters wait. */
export async function crowd(writer: Writer, count: number): Promise<void> {
  fill(writer, writer.flow)
  await Promise.all(rows(count, () => writer.submit(writer.grows)))
  await writer.flow.flush()
}

/** Until a row finds no room. */
function fill(writer: Writer, flow: BatchFlow): void {
  while (writer.trySubmit(flow, writer.grows));
  writer.countRefused(writer.grows, 'full')
}

/** A row is refused for each reason there is. */
export async function refusals(writer: Writer): Promise<void> {
  const { grows } = writer
  const flow = writer.open({ flushSize: 4, bufferSize: 4 })
  fill(writer, flow)
  await writer.refused(grows, 'context', () => flow.submit(grows, writer.item(), { signal: AbortSignal.abort() }))
  await writer.refused(grows, 'invalid', () => flow.submit(grows, null as never))
  await flow.close()
  await writer.refused(grows, 'closed', () => flow.submit(grows, writer.item()))
}

/**
 * All slots are taken and rows wait behind them, until `release`.
 *
 * @returns what ends it
 */
export async function standStill(writer: Writer): Promise<() => Promise<void>> {
  let resolve = () => {}
  writer.driver.hold = new Promise<void>((done) => {
    resolve = done
  })
  const first = writer.batches
  const count = SLOTS * 40 + 15
  const since = Date.now() / 1000
  for (let i = 0; i < count; i++) writer.trySubmit(writer.flow, writer.grows)
  while (writer.batches < first + SLOTS) await setImmediate()
  writer.held(writer.grows, count, first, since)
  return async () => {
    resolve()
    await writer.flow.flush()
  }
}

/** A few rows to each of many tables, more than have a label of their own. */
export async function manyTables(writer: Writer, names: readonly string[]): Promise<void> {
  for (const table of names.map((name): Table<Item> => growing(name))) {
    await Promise.all(rows(2, () => writer.write(table, writer.item())))
    await sleep(0)
  }
}

function rows(count: number, write: (i: number) => Promise<void>): Promise<void>[] {
  return Array.from({ length: count }, (_, i) => write(i))
}
