import { setTimeout as sleep } from 'node:timers/promises'
import type { Fence } from '../../contract/driver.ts'
import { unlessAborted } from '../../support/abort.ts'
import { warnOfFence } from '../kit/fence-warning.ts'
import type { RedisConnection, RedisEndpoint, RedisSocket } from './client.ts'
import { heard, isReady, ready } from './connection.ts'
import { isReplyError } from './outcome.ts'

/** What the server calls the session of one socket. */
export interface Session {
  readonly id: string
  /** The server: after a failover or a restart the ids are another's. */
  readonly server: string
}

/** Each socket has a session of its own; `undefined` where the server does not tell. */
const sessions = new WeakMap<RedisSocket, Promise<Session | undefined>>()

/** Asks once per socket. An attempt that is to be ended some time has to know whose it is before it begins. */
async function sessionOf(connection: RedisConnection): Promise<Session | undefined> {
  for (;;) {
    const { stream } = connection
    if (stream === undefined) return undefined
    let session = sessions.get(stream)
    if (session === undefined) sessions.set(stream, (session = askOnce(connection, stream)))
    const found = await session
    if (connection.stream === stream) return found // else ioredis has asked again, over another socket
  }
}

/** What the server did not tell just now (a script runs, a MULTI is open) is asked again; what it refuses is not. */
async function askOnce(connection: RedisConnection, stream: RedisSocket): Promise<Session | undefined> {
  try {
    const session = await ask(connection)
    if (session === undefined) sessions.delete(stream)
    return session
  } catch (error) {
    if (!(isReplyError(error) && /^(?:NOPERM|ERR)/.test(error.message))) sessions.delete(stream)
    return undefined
  }
}

async function ask(connection: RedisConnection): Promise<Session | undefined> {
  const [id, server] = await Promise.all([connection.call('CLIENT', 'ID'), serverOf(connection)])
  return /^\d+$/.test(String(id)) && server !== undefined ? { id: String(id), server } : undefined
}

async function serverOf(connection: RedisConnection): Promise<string | undefined> {
  return /^run_id:(\w+)/m.exec(String(await connection.call('INFO', 'server')))?.[1]
}

/** How a connection is found again. */
export interface Way {
  /** The client it belongs to: itself, or a cluster. */
  readonly owner: RedisEndpoint
  /** The connection to the same server; `undefined` when that no longer serves anything. */
  reconnected(): RedisConnection | undefined | Promise<RedisConnection | undefined>
}

/** Sessions that were let be as their socket was up, by client and by server. */
const left = new WeakMap<RedisEndpoint, Map<string, Session>>()

/** The session that commands are about to go over. One that was let be, and whose socket is gone by now, is ended first. */
export async function enter(connection: RedisConnection, { owner }: Way): Promise<Session | undefined> {
  const session = await sessionOf(connection)
  const former = session && left.get(owner)?.get(session.server)
  if (former === undefined || former.id === session?.id) return session
  await end(former, connection, owner)
  if (left.get(owner)?.get(former.server) === former) left.get(owner)?.delete(former.server)
  return sessionOf(connection)
}

/**
 * Ends a session over the connection that the client makes next. What the session was sent and has not carried out by then
 * it never will. While its socket is up it is let be: what is sent over that later is carried out later.
 * So it is when the application has ended the client, over which nothing more is sent.
 *
 * @param connection what the attempt is sent over, now ready
 */
export function fenceOf(session: Session | undefined, connection: RedisConnection, { owner, reconnected }: Way): Fence {
  const socket = connection.stream
  return async (signal) => {
    if (session === undefined) return warnOfFence(owner, 'the server does not tell which session is whose')
    if (connection.stream === socket && isReady(connection)) return leave(owner, session)
    if (owner.status === 'end') return leave(owner, session) // until the application connects it anew
    const next = await unlessAborted(Promise.resolve(reconnected()), signal)
    if (next === undefined) return
    await heard(next, signal, ready(next))
    await heard(next, signal, end(session, next, owner))
  }
}

function leave(owner: RedisEndpoint, session: Session): void {
  const sessions = left.get(owner) ?? new Map<string, Session>()
  left.set(owner, sessions.set(session.server, session))
}

async function end({ id, server }: Session, connection: RedisConnection, owner: RedisEndpoint): Promise<void> {
  try {
    if ((await serverOf(connection)) !== server) return
    while (Number(await connection.call('CLIENT', 'KILL', 'ID', id)) > 0) await sleep(1)
  } catch (error) {
    if (!isReplyError(error)) throw error
    warnOfFence(owner, error.message)
  }
}
