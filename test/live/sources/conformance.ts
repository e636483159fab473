/**
 * What every source has to show, together with its publisher and a worker that writes into a real database. Each source has a
 * test file that gives its harness to {@link conformance}.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import Libsql from 'libsql'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ConsumeOptions, consume, type Worker } from '../../../src/consume/index.ts'
import type { Source } from '../../../src/consume/source.ts'
import { defineTable } from '../../../src/contract/table.ts'
import type { Publisher } from '../../../src/sources/kit/publisher.ts'
import { OtelTracing } from '../../../src/telemetry/index.ts'
import { enableContext, ids, Traces } from '../../support/telemetry/traces.ts'
import { type Connection, SqliteDatabase } from '../conformance/backends/sqlite.ts'
import { eventually } from './recording-host.ts'

/** One log of a test's own, and what can be done to it. */
export interface SourceScene {
  /** A source for one worker of the one group, with short leases where it has any. */
  source(): Source
  /** The same; `vanish` makes it silent for good, as if its process had been killed: nothing is given back. */
  mortal(): { readonly source: Source; vanish(): void | Promise<void> }
  publisher(options?: { tracerProvider?: Traces['provider'] }): Publisher
  /** Puts a message into the log that nobody can read. */
  poison(body: Uint8Array): Promise<void>
  /** What was put aside so far. */
  deadLetters(): Promise<
    readonly { readonly body: Uint8Array; readonly reason: string; readonly table?: string | undefined }[]
  >
  /** Ends the server without a chance to tidy up and starts it again with what it had kept; absent where it is not ours to end. */
  crash?(): Promise<void>
  /** Connections to the server, of whomever. */
  connections?(): Promise<number>
  close(): Promise<void>
}

export interface SourceHarness {
  readonly name: string
  /** Whether one worker's partitions move to another one; a source of one process has no others. @default true */
  readonly shared?: boolean
  /** How long a worker's partitions may take to move, in ms. @default 15000 */
  readonly patience?: number
  open(): Promise<SourceScene>
}

interface User {
  id: number
  name: string
  version: number
}
interface Event {
  n: number
  note: string
}

const connect = (path: string) => new Libsql(path) as unknown as Connection

/** A database, a log and whatever works on them, for one test. */
class Stage {
  readonly scene: SourceScene
  readonly database = new SqliteDatabase(connect, 'file')
  readonly users = defineTable<User>('users', {
    columns: ['id', 'name', 'version'],
    onConflict: { action: 'update', keys: ['id'] },
  })
  readonly events = defineTable<Event>('events', { columns: ['n', 'note'] })
  readonly #workers: Worker[] = []
  readonly #publishers: Publisher[] = []

  constructor(scene: SourceScene) {
    this.scene = scene
    this.database.connection.exec(
      'CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL, version integer NOT NULL)',
    )
    this.database.connection.exec('CREATE TABLE events (n integer NOT NULL, note text NOT NULL)')
  }

  async work(mode: Mode, source: Source = this.scene.source(), more: Partial<ConsumeOptions> = {}): Promise<Worker> {
    const options = { tables: [this.users, this.events], lagInterval: 100, flushInterval: 20, ...mode, ...more }
    const worker = await consume(source, this.executor, options as ConsumeOptions)
    this.#workers.push(worker)
    return worker
  }

  executor = this.database.executor

  publisher(options?: { tracerProvider?: Traces['provider'] }): Publisher {
    const publisher = this.scene.publisher(options)
    this.#publishers.push(publisher)
    return publisher
  }

  rows<R>(sql: string): R[] {
    return this.database.connection.prepare(sql).all() as R[]
  }

  count(table: string): number {
    return Number(this.rows<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)[0]!.n)
  }

  /** How many rows of `events` there are, and how many different ones. */
  eventCounts(): { all: number; different: number } {
    const [row] = this.rows<{ n: number; d: number }>('SELECT count(*) AS n, count(DISTINCT n) AS d FROM events')
    return { all: Number(row!.n), different: Number(row!.d) }
  }

  async close(): Promise<void> {
    for (const publisher of this.#publishers) await publisher.close({ timeout: 1000 })
    for (const worker of this.#workers) await worker.close({ timeout: 2000 })
    await this.scene.close()
    await this.database.close()
  }
}

type Mode = { readonly acks: 'broker' } | { readonly position: 'database' }
const MODES: readonly Mode[] = [{ acks: 'broker' }, { position: 'database' }]
const nameOf = (mode: Mode) => ('acks' in mode ? "acks: 'broker'" : "position: 'database'")

/** What a stage is given to do. */
type Act = (stage: Stage) => Promise<void>

/** Versions of few keys, in their order: who comes last must be the last. */
async function publishVersions(publisher: Publisher, stage: Stage, from: number, to: number, keys = 20): Promise<void> {
  const all: Promise<void>[] = []
  for (let version = from; version < to; version++) {
    all.push(publisher.publish(stage.users, { id: version % keys, name: `v${version}`, version }))
  }
  await Promise.all(all)
}

async function publishEvents(publisher: Publisher, stage: Stage, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 10) {
    const rows = Array.from({ length: Math.min(10, to - n) }, (_, i) => ({ n: n + i, note: `é${n + i}` }))
    await publisher.publishMany(stage.events, rows)
  }
}

/** The keys of which another version is there than the one that was published last. */
function staleKeys(stage: Stage, published: number, keys = 20): string[] {
  const versions = new Map(
    stage.rows<User>('SELECT id, version FROM users').map((row) => [Number(row.id), row.version]),
  )
  return Array.from({ length: keys }, (_, key) => ({ key, last: published - 1 - ((published - 1 - key) % keys) }))
    .filter(({ key, last }) => Number(versions.get(key)) !== last)
    .map(({ key, last }) => `key ${key}: ${versions.get(key)}, not ${last}`)
}

/** All is written and acknowledged, and of each key the version that was published last is there, and stays there. */
async function endsWithTheLast(worker: Worker, stage: Stage, published: number, patience: number): Promise<void> {
  await eventually(
    () => staleKeys(stage, published).length === 0,
    patience,
    () => staleKeys(stage, published).join(),
  )
  await lagIsZero([worker], patience)
  assert.equal(staleKeys(stage, published), [])
}

/** As of when the log was last asked, which may be a moment ago. */
async function lagIsZero(workers: readonly Worker[], patience: number): Promise<void> {
  const lags = () => workers.flatMap((worker) => Object.values(worker.stats().source.partitions))
  await eventually(
    () => lags().every(({ held, lag }) => held === 0 && lag?.messages === 0),
    patience,
    () => JSON.stringify(lags()),
  )
}

const owned = (worker: Worker) => Object.keys(worker.stats().source.partitions).length

/** Registers and runs all of it. */
export function conformance(harness: SourceHarness): void {
  const test = suite(`${harness.name}, as every source`)
  const patience = harness.patience ?? 15_000
  const on = (title: string, act: Act) =>
    test(title, async () => {
      const stage = new Stage(await harness.open())
      try {
        await act(stage)
      } finally {
        await stage.close()
      }
    })

  for (const mode of MODES) {
    on(`what is published is in the database, once; the lag falls to 0 (${nameOf(mode)})`, async (stage) => {
      const publisher = stage.publisher()
      await publishVersions(publisher, stage, 0, 300)
      await publishEvents(publisher, stage, 0, 200)
      const worker = await stage.work(mode)
      await publishEvents(publisher, stage, 200, 300)
      await publishVersions(publisher, stage, 300, 500)
      await eventually(() => stage.count('events') === 300 && stage.count('users') === 20, patience)
      await endsWithTheLast(worker, stage, 500, patience)
      const rows = stage.rows<Event>('SELECT n, note FROM events ORDER BY n')
      assert.equal(
        rows.map(({ n, note }) => `${n} ${note}`),
        Array.from({ length: 300 }, (_, n) => `${n} é${n}`),
      )
      const { messages } = worker.stats().source
      assert.is(messages.dead_lettered, 0)
      assert.equal(await stage.scene.deadLetters(), [])
    })

    on(`of a worker that vanished nothing is lost, and newer rows win (${nameOf(mode)})`, async (stage) => {
      const publisher = stage.publisher()
      const { source, vanish } = stage.scene.mortal()
      const dead = await stage.work(mode, source)
      for (let round = 0; round < 5; round++) {
        await publishVersions(publisher, stage, round * 100, round * 100 + 100)
        await publishEvents(publisher, stage, round * 100, round * 100 + 100)
        if (round === 2) await vanish() // some are written and acknowledged, some written, some not even read
      }
      const next = await stage.work(mode)
      await eventually(
        () => stage.eventCounts().different === 500,
        patience,
        () => JSON.stringify([stage.eventCounts(), next.stats()]),
      )
      await endsWithTheLast(next, stage, 500, patience)
      if ('position' in mode) assert.is(stage.eventCounts().all, 500)
      await dead.close({ timeout: 0 })
    })

    on(`what nobody can read is put aside as it was, and the rest goes on (${nameOf(mode)})`, async (stage) => {
      const publisher = stage.publisher()
      const body = Buffer.from([0xff, 0x00, 0x7b])
      await publishEvents(publisher, stage, 0, 20)
      await stage.scene.poison(body)
      await publishEvents(publisher, stage, 20, 40)
      await publisher.publish(stage.users, { id: 1, name: null as unknown as string, version: 1 }) // NOT NULL refuses it
      await publisher.publish(stage.users, { id: 2, name: 'good', version: 1 })
      const worker = await stage.work(mode)
      await eventually(() => stage.count('events') === 40 && stage.count('users') === 1, patience)
      await lagIsZero([worker], patience)
      const letters = [...(await stage.scene.deadLetters())].sort((a, b) => a.body.length - b.body.length)
      assert.is(letters.length, 2)
      assert.equal(Buffer.from(letters[0]!.body), body)
      assert.is(letters[0]!.reason, 'decode')
      assert.match(Buffer.from(letters[1]!.body).toString(), /"name":null/)
      assert.is(letters[1]!.reason, 'constraint')
      assert.is(worker.stats().source.messages.dead_lettered, 2)
    })
  }

  if (harness.shared !== false) {
    for (const mode of MODES) {
      on(`two workers share partitions; one closes and the other goes on (${nameOf(mode)})`, async (stage) => {
        const publisher = stage.publisher()
        const first = await stage.work(mode)
        await eventually(() => owned(first) > 0, patience)
        const all = owned(first)
        const second = await stage.work(mode)
        await eventually(
          () => owned(first) + owned(second) === all && Math.abs(owned(first) - owned(second)) <= 1,
          patience,
          () => `${owned(first)} and ${owned(second)} of ${all}`,
        )
        let published = 0
        const publishing = (async () => {
          for (; published < 600; published += 100) {
            await publishVersions(publisher, stage, published, published + 100)
            await publishEvents(publisher, stage, published, published + 100)
            await sleep(20)
          }
        })()
        await sleep(60)
        await first.close()
        await publishing
        await eventually(() => owned(second) === all, patience)
        await eventually(() => stage.eventCounts().different === 600, patience)
        await endsWithTheLast(second, stage, 600, patience)
        assert.is(stage.eventCounts().all, 600) // whoever closes in order leaves nothing to do twice
      })
    }
  }

  on('the trace of whoever published goes on in the batch that writes the row', async (stage) => {
    enableContext()
    const traces = new Traces()
    stage.executor = stage.executor.withTracing(new OtelTracing({ tracerProvider: traces.provider }))
    const publisher = stage.publisher({ tracerProvider: traces.provider })
    const requests: string[] = []
    for (let i = 0; i < 10; i++) {
      const request = await traces.request('request', () => publisher.publish(stage.events, { n: i, note: '' }))
      requests.push(ids(request).spanId)
    }
    await stage.work({ acks: 'broker' })
    await eventually(() => stage.count('events') === 10, patience)
    const linked = () =>
      traces
        .named('batchflow.batch')
        .flatMap((span) => [
          ...span.links.map(({ context }) => context.spanId),
          ...(span.parentSpanContext === undefined ? [] : [span.parentSpanContext.spanId]),
        ])
    await eventually(() => requests.every((request) => linked().includes(request)), patience)
    assert.ok(traces.named('send ').length > 0)
  })

  on('closing leaves no timer and no connection behind', async (stage) => {
    const publisher = stage.publisher()
    await publishEvents(publisher, stage, 0, 10)
    await publisher.close()
    await sleep(50)
    const connections = await stage.scene.connections?.()
    const timers = activeTimers()
    const worker = await stage.work({ acks: 'broker' })
    await eventually(() => stage.count('events') === 10, patience)
    await worker.close()
    if (connections !== undefined)
      await eventually(async () => (await stage.scene.connections!()) <= connections, patience)
    await eventually(() => activeTimers() <= timers, patience)
  })

  on('a server that is killed and comes back costs nothing that it had kept', async (stage) => {
    const { crash } = stage.scene
    if (crash === undefined) return
    const publisher = stage.publisher()
    const worker = await stage.work({ position: 'database' })
    await publishEvents(publisher, stage, 0, 100)
    let published = 100
    const publishing = (async () => {
      for (; published < 500; published += 50) await publishEvents(publisher, stage, published, published + 50)
    })()
    await sleep(30)
    await crash()
    await publishing
    await eventually(
      () => stage.eventCounts().different === 500,
      2 * patience,
      () => JSON.stringify([stage.eventCounts(), worker.stats().source]),
    )
    await lagIsZero([worker], patience)
    assert.is(stage.eventCounts().all, 500) // what was sent again is in the log once
  })

  test.run()
}

function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}
