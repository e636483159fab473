import { setTimeout as sleep } from 'node:timers/promises'
import { BatchFlow, defineTable, type Executor } from 'batchflow-otel'
import type pg from 'pg'
import type { Tally } from './tally.ts'

interface Part {
  readonly id: number
  readonly amount: number
}

const rehearsal = defineTable<Part>('rehearsal', {
  columns: ['id', 'amount'],
  onConflict: { action: 'update', keys: ['id'] },
})

const BUFFER = 6
const ATTEMPT_MS = 250
const PATIENCE_MS = 10_000

/**
 * A load on a healthy server has no errors, so nobody would see how they look. This makes real ones happen, on a table
 * and a flow of their own: a CHECK constraint refuses a row, a lock holds a statement up until its attempt times out and
 * the next one succeeds, and while it does, a full buffer refuses a row and a caller stops waiting.
 *
 * @returns one line that says what was done
 * @throws when one of them did not happen
 */
export async function rehearse(pool: pg.Pool, executor: Executor, tally: Tally): Promise<string> {
  await pool.query('CREATE TABLE rehearsal (id integer PRIMARY KEY, amount integer NOT NULL CHECK (amount >= 0))')
  let deadLetters = 0
  const flow = new BatchFlow(executor.withConcurrencyLimit(1).withTimeout(ATTEMPT_MS).withRetry({ maxAttempts: 10 }), {
    bufferSize: BUFFER,
    flushSize: 2,
    deadLetter: (letters) => void (deadLetters += letters.length),
  })
  try {
    await flow.submitMany(rehearsal, [
      { id: 1, amount: 1 },
      { id: 2, amount: -1 },
    ])
    await flow.flush()
    const refused = await underLock(pool, () => crowd(flow, tally))
    await flow.flush()
    if (deadLetters !== 1 || !refused) throw new Error('the rehearsal of errors did not go as planned')
  } finally {
    await flow.close()
  }
  return (
    'rehearsed on purpose, on a table of its own: a row against a CHECK constraint (dead letter), an attempt that ' +
    'timed out behind a lock (retried), a row refused by a full buffer, a submit aborted while it waited'
  )
}

/** With the table locked, fills the buffer, is refused, gives up waiting, and stays until an attempt has timed out. */
async function crowd(flow: BatchFlow, tally: Tally): Promise<boolean> {
  for (let id = 3; id < 3 + BUFFER; id++) await flow.submit(rehearsal, { id, amount: id })
  const refused = !flow.trySubmit(rehearsal, { id: 0, amount: 0 })
  const caller = new AbortController()
  const waiting = flow.submit(rehearsal, { id: 0, amount: 0 }, { signal: caller.signal })
  caller.abort()
  const aborted = await waiting.then(
    () => false,
    () => true,
  )
  const deadline = Date.now() + PATIENCE_MS
  while (tally.of('rehearsal').retries === 0 && Date.now() < deadline) await sleep(10)
  return refused && aborted && tally.of('rehearsal').retries > 0
}

async function underLock<T>(pool: pg.Pool, work: () => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN; LOCK TABLE rehearsal IN SHARE MODE')
    return await work()
  } finally {
    await client.query('ROLLBACK')
    client.release()
  }
}
