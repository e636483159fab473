/** What every log has to show whose connections are cut while rows are published, read and acknowledged. */
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeMessage } from '../../src/consume/index.ts'
import type { Source } from '../../src/consume/source.ts'
import { defineTable } from '../../src/contract/table.ts'
import type { Publisher } from '../../src/sources/kit/publisher.ts'
import { eventually, RecordingHost } from '../live/sources/recording-host.ts'
import type { FaultProxy, NetworkFault } from '../support/servers/fault-proxy.ts'

/** A log of a test's own, reached through proxies. */
export interface CutLog {
  readonly proxies: readonly FaultProxy[]
  readonly source: Source
  readonly publisher: Publisher
  close(): Promise<void>
}

const events = defineTable<{ n: number }>('events', { columns: ['n'] })
/** ms; a client may wait 5 s for an answer that was lost */
const PATIENCE = 12_000

/** Rows go in and out while connections are cut; then all of them have arrived, and each is in the log once. */
class Traffic {
  readonly host = new RecordingHost()
  readonly #log: CutLog
  #published = 0
  #isOver = false
  #isClosed = false
  #publishing = Promise.resolve()

  constructor(log: CutLog) {
    this.#log = log
    this.host.source = log.source
    this.host.onMessages = async (partition, messages) => {
      while (!this.#isClosed) {
        const isDone = await log.source.acknowledge(partition, messages).then(
          () => true,
          () => false, // as a worker does, again with the next ones, and until it is done
        )
        if (isDone) return
        await sleep(20)
      }
    }
  }

  async begin(): Promise<void> {
    await this.#log.source.start(this.host, { position: 'source' })
    this.#publishing = this.#publish()
  }

  async #publish(): Promise<void> {
    const underWay: Promise<void>[] = []
    for (; !this.#isOver; await sleep(5)) {
      const rows = Array.from({ length: 10 }, () => ({ n: this.#published++ }))
      underWay.push(this.#log.publisher.publishMany(events, rows))
    }
    await Promise.all(underWay)
  }

  /** Nothing more is published; resolves when the log has what was. */
  end(): Promise<void> {
    this.#isOver = true
    return this.#publishing
  }

  /** Ends what is there to end; resolves with how long it took, in ms. */
  async close(): Promise<number> {
    const begun = performance.now()
    this.#isClosed = true
    await Promise.all([this.#log.source.stop(), this.#log.publisher.close({ timeout: 500 })])
    return performance.now() - begun
  }

  /** Where each row was in the log. */
  get places(): Map<unknown, Set<string>> {
    const places = new Map<unknown, Set<string>>()
    for (const { partition, message } of this.host.delivered) {
      for (const { row } of decodeMessage(message)) {
        const { n } = row as { n: number }
        places.set(n, (places.get(n) ?? new Set()).add(`${partition} ${message.position}`))
      }
    }
    return places
  }

  async arrived(): Promise<void> {
    await eventually(
      () => this.places.size === this.#published,
      PATIENCE,
      () => `${this.places.size} of ${this.#published}`,
    )
    assert.equal([...this.places.values()].filter(({ size }) => size > 1).length, 0, 'rows are in the log twice')
  }
}

/** Registers and runs all of it. @param end stops the server */
export function cutLogs(name: string, open: () => Promise<CutLog>, end: () => Promise<void>): void {
  const test = suite(`${name}, cut off`)
  const on = (title: string, act: (log: CutLog) => Promise<void>) =>
    test(title, async () => {
      const log = await open()
      try {
        await act(log)
      } finally {
        await log.close()
      }
    })

  on('all that is published meanwhile arrives, and each row is in the log once', async (log) => {
    const traffic = new Traffic(log)
    await traffic.begin()
    for (const fault of ['reply', 'request', 'reset'] as const) {
      await sleep(150)
      await during(log.proxies, fault, 30)
    }
    await traffic.end()
    await traffic.arrived()
    await traffic.close()
  })

  on('who closes meanwhile does not wait for what is cut off for good', async (log) => {
    const traffic = new Traffic(log)
    await traffic.begin()
    await eventually(() => traffic.places.size > 0)
    for (const proxy of log.proxies) proxy.fault = 'reset'
    const ended = traffic.end().catch(() => undefined)
    const milliseconds = await traffic.close()
    await ended
    for (const proxy of log.proxies) proxy.fault = 'none'
    assert.ok(milliseconds < PATIENCE, `${milliseconds} ms`)
  })

  test.after(end)
  test.run()
}

async function during(proxies: readonly FaultProxy[], fault: NetworkFault, milliseconds: number): Promise<void> {
  for (const proxy of proxies) proxy.fault = fault
  await sleep(milliseconds)
  for (const proxy of proxies) proxy.fault = 'none'
}
