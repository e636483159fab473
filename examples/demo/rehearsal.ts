import { setTimeout as sleep } from 'node:timers/promises'
import { trace } from '@opentelemetry/api'
import { BatchFlow, type Executor } from 'batchflow-otel'
import type { Hold, Trouble } from './stores/store.ts'
import { REFUSED, rehearsal } from './tables.ts'
import type { Tally } from './tally.ts'
import { REHEARSAL_SPAN, TRACER } from './tracing.ts'

const BUFFER = 6
const ATTEMPT_MS = 250
const PATIENCE_MS = 10_000

/**
 * A load on a healthy server has no errors, so nobody would see how they look. This makes real ones happen, on a table,
 * a flow and a trace of their own: the database refuses a row; an attempt fails while writers are held up and the next
 * one succeeds; a full buffer refuses a row, and a caller stops waiting for room.
 *
 * @returns one line that says what was done
 * @throws when one of them did not happen
 */
export async function rehearse({ refusal, hold }: Trouble, executor: Executor, tally: Tally): Promise<string> {
  let deadLetters = 0
  const flow = new BatchFlow(executor.withConcurrencyLimit(1).withTimeout(ATTEMPT_MS).withRetry({ maxAttempts: 10 }), {
    bufferSize: BUFFER,
    flushSize: 2,
    deadLetter: (letters) => void (deadLetters += letters.length),
  })
  const done = await trace.getTracer(TRACER).startActiveSpan(REHEARSAL_SPAN, async (span) => {
    try {
      await flow.submitMany(rehearsal, [{ id: 1, amount: 1 }, REFUSED])
      await flow.flush()
      const crowded = await crowd(flow)
      const retried = hold === undefined || (await heldUp(flow, hold, tally))
      await flow.flush()
      return crowded && retried && deadLetters === 1
    } finally {
      await flow.close()
      span.end()
    }
  })
  if (!done) throw new Error('the rehearsal of errors did not go as planned')
  const retried = hold === undefined ? '' : `, ${hold.consequence} (retried)`
  return (
    `rehearsed on purpose, on a table of its own: a row against ${refusal} (dead letter)${retried}, ` +
    'a row refused by a full buffer, a submit aborted while it waited'
  )
}

/** Nothing can be written between one line and the next, so the buffer fills up, and stays full. */
async function crowd(flow: BatchFlow): Promise<boolean> {
  for (let id = 0; id < BUFFER; id++) flow.trySubmit(rehearsal, { id: 10 + id, amount: id })
  const refused = !flow.trySubmit(rehearsal, { id: 0, amount: 0 })
  const caller = new AbortController()
  const waiting = flow.submit(rehearsal, { id: 0, amount: 0 }, { signal: caller.signal })
  caller.abort()
  const aborted = await waiting.then(
    () => false,
    () => true,
  )
  await flow.flush()
  return refused && aborted
}

/** Stays until an attempt has been retried. */
function heldUp(flow: BatchFlow, hold: Hold, tally: Tally): Promise<boolean> {
  return hold.during(async () => {
    await flow.submitMany(rehearsal, [
      { id: 3, amount: 3 },
      { id: 4, amount: 4 },
    ])
    const deadline = Date.now() + PATIENCE_MS
    while (tally.of('rehearsal').retries === 0 && Date.now() < deadline) await sleep(10)
    return tally.of('rehearsal').retries > 0
  })
}
