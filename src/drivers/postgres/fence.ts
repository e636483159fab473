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

const WHY: Readonly<Record<string, string>> = {
  pooled: 'a pooler hides its number',
  hidden: 'this role may not see the sessions of the role that connected',
}

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
    const state = String(rows[0]?.['state'])
    if (state === 'gone') return
    const why = WHY[state]
    if (why !== undefined) return warnOfFence(lender, why)
    await sleep(POLL, undefined, { signal })
  }
}

/**
 * Ends the session of process `$1`, if it is there still, and says so. Behind a pooler, which names processes of its own
 * invention, the number may be that of somebody else's session; one that is younger than the attempt has got it by chance.
 */
const END = `
SELECT CASE
  WHEN pg_catalog.pg_backend_pid() <> $3::int THEN 'pooled'
  WHEN a.pid IS NULL THEN 'gone'
  WHEN a.backend_start IS NULL THEN 'hidden'
  WHEN a.backend_start > pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $2::float8) THEN 'gone'
  WHEN pg_catalog.pg_terminate_backend(a.pid) IS NOT NULL THEN 'ending' END AS state
FROM (SELECT) AS one LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = $1::int`
