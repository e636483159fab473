import { setTimeout as sleep } from 'node:timers/promises'
import { AttemptError, type Fence } from '../../contract/driver.ts'
import { warnOfFence } from '../kit/fence-warning.ts'
import { answerTo, type Lender, withLease } from '../kit/lease.ts'
import { classify } from './classify.ts'
import { isServerError, type MysqlConnection } from './client.ts'
import type { Lease } from './connection.ts'
import { type Settings, settingsOf } from './server.ts'

/** A session in which an attempt was given up. */
export interface Victim {
  /** Its number, as `KILL` takes it. */
  readonly threadId: number
  readonly settings: Settings
  /** When the attempt began, in ms of `performance.now()`. */
  readonly began: number
}

/** How long one try may take, and how often within it the server is asked, in ms. */
const PATIENCE = 5000
const POLL = 20
const NO_SUCH_THREAD = 1094
/** Who has no answer now will have none later. */
const NO_USE: ReadonlySet<string | undefined> = new Set(['permission', 'non_retryable'])

/**
 * Kills the session over another connection until the server knows it no more: one that is being killed is still there
 * while it commits, or rolls back. The users of one pool may always kill each other.
 */
export function fenceOf(lender: Lender<MysqlConnection>, victim: Victim): Fence {
  return async (outer) => {
    const signal = AbortSignal.any([outer, AbortSignal.timeout(PATIENCE)])
    try {
      await withLease(lender, signal, (lease) => end(lender, victim, lease, signal))
    } catch (error) {
      const cause = causeOf(error)
      if (signal.aborted || !NO_USE.has(classify(cause)?.reason)) throw cause
      warnOfFence(lender, cause instanceof Error ? cause.message : 'it may not be ended')
    }
  }
}

async function end(lender: object, { threadId, settings, began }: Victim, lease: Lease, signal: AbortSignal) {
  const here = await settingsOf(lease, signal)
  if (here.connectionId !== lease.connection.threadId || settings.connectionId !== threadId) {
    return warnOfFence(lender, 'a proxy hides its number')
  }
  if (here.server !== settings.server) return warnOfFence(lender, 'this connection leads to another server')
  if (await isYounger(lease, began, signal)) return
  while (await kill(lease, threadId, signal)) await sleep(POLL, undefined, { signal })
}

/** Numbers of connections begin anew with the server, and with it every session has ended. */
async function isYounger(lease: Lease, began: number, signal: AbortSignal): Promise<boolean> {
  const sql = "SHOW GLOBAL STATUS LIKE 'Uptime'"
  const [rows] = await answerTo(lease, lease.connection.query({ sql, rowsAsArray: true }), signal)
  const uptime = Number((rows as unknown[][])[0]?.[1])
  return (uptime + 1) * 1000 < performance.now() - began // it is told in whole seconds
}

/** False: there is no such session. */
async function kill(lease: Lease, threadId: number, signal: AbortSignal): Promise<boolean> {
  try {
    await answerTo(lease, lease.connection.query({ sql: `KILL CONNECTION ${Number(threadId)}` }), signal)
    return true
  } catch (error) {
    const cause = causeOf(error)
    if (isServerError(cause) && cause.errno === NO_SUCH_THREAD) return false
    throw error
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof AttemptError ? error.cause : error
}
