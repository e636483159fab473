import { setTimeout as sleep } from 'node:timers/promises'
import { AttemptError, type Fence } from '../../contract/driver.ts'
import { warnOfFence } from '../kit/fence-warning.ts'
import { answerTo, type Lender, withLease } from '../kit/lease.ts'
import type { PgClient } from './client.ts'
import type { Lease } from './connection.ts'

/** A session in which an attempt was given up. */
export interface Victim {
  /** The server's process, as the client was told. */
  readonly processId: number
  /** When the attempt began, in ms of `performance.now()`: the session is older, one that got the same number is not. */
  readonly began: number
}

const POLL = 20
/** No right to end it. */
const NO_PRIVILEGE = '42501'

/** Ends the session over another connection until the server has it no more: one that is stopped hears of its end later. */
export function fenceOf(lender: Lender<PgClient>, victim: Victim): Fence {
  return async (signal) => {
    try {
      await withLease(lender, signal, (lease) => end(lender, victim, lease, signal))
    } catch (error) {
      const cause: unknown = error instanceof AttemptError ? error.cause : error
      if (!(cause instanceof Error) || Reflect.get(cause, 'code') !== NO_PRIVILEGE) throw cause
      warnOfFence(lender, 'the user may not end its own sessions')
    }
  }
}

async function end(lender: object, { processId, began }: Victim, lease: Lease, signal: AbortSignal): Promise<void> {
  const client = lease.connection
  for (;;) {
    const values = [processId, (performance.now() - began) / 1000, client.processID ?? 0]
    const { rows } = await answerTo(lease, client.query({ text: END, values }), signal)
    const [answer] = rows
    if (answer?.['pid'] !== String(client.processID)) return warnOfFence(lender, 'a pooler hides its number')
    if (answer['left'] === '0') return
    await sleep(POLL, undefined, { signal })
  }
}

/** Ends it, if it is there still, and says so. Behind a pooler the number may be that of somebody else's session. */
const END = `
SELECT pg_catalog.pg_backend_pid()::text AS pid, (
  SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(a.pid))
  FROM pg_catalog.pg_stat_activity a
  WHERE a.pid = $1 AND a.backend_start <= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $2)
    AND pg_catalog.pg_backend_pid() = $3
)::text AS left`
