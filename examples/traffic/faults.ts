import { setTimeout as sleep } from 'node:timers/promises'
import { BatchFlow, type Executor } from 'batchflow-otel'
import type { Backend, Feed } from './backend.ts'
import { every } from './traffic.ts'

export interface Scene {
  readonly backend: Backend
  /** With reporter and tracing. */
  readonly executor: Executor
  readonly end: AbortSignal
}

const EVERY_MS = 9_000
const HOLD_MS = 800
const PATIENCE_MS = 100
const SHUT_MS = 2_000
const CROWD = 6

/** Makes real trouble from time to time, until the end. */
export function troubles(scene: Scene): Promise<void> {
  const { hold, shut } = scene.backend
  const trouble = async () => {
    await crowd(scene)
    if (hold !== undefined) await hold(() => lockedOut(scene))
    else await giveUp(scene)
    await shut?.(() => sleep(SHUT_MS)) // an outage, which is waited out
  }
  return every(EVERY_MS, trouble, scene.end)
}

/** Attempts time out behind a lock and are repeated; meanwhile a caller gives up. */
async function lockedOut(scene: Scene): Promise<void> {
  await giveUp(scene)
  await sleep(HOLD_MS)
}

/** A flow aborted from outside: the rows it holds fail with reason `context`. */
async function giveUp({ backend, executor }: Scene): Promise<void> {
  const feed = first(backend)
  const caller = new AbortController()
  const flow = new BatchFlow(executor, { flushSize: CROWD, signal: caller.signal, deadLetter: () => {} })
  for (let i = 0; i < 2 * CROWD; i++) await flow.submit(feed.table, feed.row(i))
  await sleep(backend.hold === undefined ? 0 : PATIENCE_MS)
  caller.abort()
  await flow.close()
}

/** More rows than the buffer takes: `trySubmit` is refused, and a caller that waits in `submit` stops waiting. */
async function crowd({ backend, executor }: Scene): Promise<void> {
  const feed = first(backend)
  const flow = new BatchFlow(executor, { flushSize: CROWD, bufferSize: CROWD, deadLetter: () => {} })
  for (let i = 0; flow.trySubmit(feed.table, feed.row(i)) && i < 10 * CROWD; i++);
  const caller = new AbortController()
  const waiting = flow.submit(feed.table, feed.row(0), { signal: caller.signal }).catch(() => {}) // giving up is the point
  caller.abort()
  await waiting
  await flow.close({ timeout: HOLD_MS })
}

function first({ feeds: [feed] }: Backend): Feed {
  if (feed === undefined) throw new Error('a backend needs a feed')
  return feed
}
