import { AttemptError } from '../../contract/driver.ts'
import { onAbort, unlessAborted } from '../../support/abort.ts'
import type { RedisCluster, RedisConnection } from './client.ts'
import { heard, isReady, ready } from './connection.ts'
import { Exchange } from './exchange.ts'
import { enter, fenceOf, type Session, type Way } from './fence.ts'
import { NotSentError, Outcomes } from './outcome.ts'
import type { Pipeline } from './pipeline.ts'
import type { Request } from './request.ts'
import { add, nodesByAddress, type Redirection, type Routes, redirectionIn, refresh, routesOf } from './route.ts'

/** How often an entry is sent on to the node that the last one named. */
const MAX_REDIRECTIONS = 5

/** Where pairs are better not set together: `MSET` was refused, and a `SET` was not. */
const apart = new WeakSet<RedisConnection>()

/** Sends everything over one connection. Never rejects. */
export async function dispatch(client: RedisConnection, pipeline: Pipeline, signal: AbortSignal): Promise<Outcomes> {
  const outcomes = new Outcomes(pipeline.rows.length)
  const entries = pipeline.rows.map((_, entry) => entry)
  const joined = pipeline.joins && !apart.has(client)
  const refusedFrom = await send(client, { pipeline, entries, outcomes, asking: false, joined }, signal)
  if (refusedFrom !== undefined) {
    const rest = entries.slice(refusedFrom)
    if (await sendApart(client, { pipeline, entries: rest, outcomes, asking: false, joined: false }, signal)) {
      apart.add(client)
    }
  }
  return outcomes
}

/**
 * After an MSET was refused, of which nothing is written: each of its keys for itself, so that only those fail that are to
 * blame. What came behind it goes out again, too, or an older value would be written over a newer one of the same key.
 *
 * @returns whether any was written
 */
async function sendApart(client: RedisConnection, request: Request, signal: AbortSignal): Promise<boolean> {
  const { entries, outcomes } = request
  const lost = entries.some((entry) => outcomes.errors[entry]?.ambiguous)
  if (lost) {
    const refused = entries.filter((entry) => outcomes.errors[entry]?.ambiguous === false)
    outcomes.fail(refused, new NotSentError('the connection to Redis closed before each key could be set alone'), false)
    return false
  }
  for (const entry of entries) outcomes.errors[entry] = undefined
  await send(client, request, signal)
  return entries.some((entry) => outcomes.errors[entry] === undefined)
}

/** Sends each entry to the node that serves its slot, and on to where that node says. Never rejects. */
export async function dispatchToCluster(
  cluster: RedisCluster,
  pipeline: Pipeline,
  signal: AbortSignal,
): Promise<Outcomes> {
  const outcomes = new Outcomes(pipeline.rows.length)
  const routing: Routing = { cluster, pipeline, outcomes, signal, sentTo: [] }
  try {
    await unlessAborted(ready(cluster), signal)
  } catch (error) {
    outcomes.unreachable([...pipeline.rows.keys()], error)
    return outcomes
  }
  let routes = routesOf(cluster, pipeline)
  if (routes.has(undefined)) {
    await unlessAborted(refresh(cluster), signal).catch(() => undefined)
    routes = routesOf(cluster, pipeline)
  }
  await sendAll(routing, routes, false)
  for (let times = 0; times < MAX_REDIRECTIONS && !signal.aborted; times++) {
    if (!(await follow(routing))) break
  }
  return outcomes
}

interface Routing {
  readonly cluster: RedisCluster
  readonly pipeline: Pipeline
  readonly outcomes: Outcomes
  readonly signal: AbortSignal
  /** For each entry the node it went to last. */
  readonly sentTo: (RedisConnection | undefined)[]
}

async function sendAll(
  { cluster, pipeline, outcomes, signal, sentTo }: Routing,
  routes: Routes,
  asking: boolean,
): Promise<void> {
  const sent = Array.from(routes, async ([node, entries]) => {
    for (const entry of entries) sentTo[entry] = node
    if (node === undefined) outcomes.fail(entries, new NotSentError('no known node serves the slot'), false)
    else {
      const way = { owner: cluster, reconnected: () => sameNode(cluster, node) }
      await send(node, { pipeline, entries, outcomes, asking, joined: false }, signal, way)
    }
    if (node === undefined || !isReady(node)) void refresh(cluster)
  })
  await Promise.all(sent)
}

/** Sends the entries that were redirected to the nodes named. @returns whether there were any that could be */
async function follow(routing: Routing): Promise<boolean> {
  const { cluster, outcomes } = routing
  const redirected = redirections(routing)
  if (redirected.size === 0) return false
  const moved = [...redirected.values()].some(({ asking }) => !asking)
  let nodes = nodesByAddress(cluster)
  const isKnown = ({ address }: Redirection) => nodes.has(address)
  if (moved || ![...redirected.values()].every(isKnown)) {
    await unlessAborted(refresh(cluster), routing.signal).catch(() => undefined)
    nodes = nodesByAddress(cluster)
  }
  const routes: Record<'moved' | 'asking', Routes> = { moved: new Map(), asking: new Map() }
  for (const [entry, { asking, address }] of redirected) {
    const node: RedisConnection | undefined = nodes.get(address)
    if (node === undefined) continue
    outcomes.errors[entry] = undefined
    add(asking ? routes.asking : routes.moved, node, entry)
  }
  await Promise.all([sendAll(routing, routes.moved, false), sendAll(routing, routes.asking, true)])
  return routes.moved.size + routes.asking.size > 0
}

function redirections({ cluster, outcomes, sentTo }: Routing): Map<number, Redirection> {
  const found = new Map<number, Redirection>()
  outcomes.errors.forEach((error, entry) => {
    const redirection = redirectionIn(error?.cause, sentTo[entry], cluster.options.natMap)
    if (redirection !== undefined) found.set(entry, redirection)
  })
  return found
}

/** The cluster's connection to the node that `node` led to: ioredis makes another when one is lost. */
async function sameNode(cluster: RedisCluster, node: RedisConnection): Promise<RedisConnection | undefined> {
  await refresh(cluster)
  return nodesByAddress(cluster).get(`${node.options.host}:${node.options.port}`)
}

/**
 * One exchange, from a ready connection to its end, or to the abort. Never rejects.
 *
 * @returns the place of the first entry whose MSET was refused
 */
async function send(
  connection: RedisConnection,
  request: Request,
  signal: AbortSignal,
  way: Way = { owner: connection, reconnected: () => connection },
): Promise<number | undefined> {
  let session: Session | undefined
  try {
    await heard(connection, signal, ready(connection))
    session = await heard(connection, signal, enter(connection, way))
    if (!isReady(connection)) throw new NotSentError('the connection to Redis closed at once')
  } catch (error) {
    request.outcomes.unreachable(request.entries, error)
    return undefined
  }
  const exchange = new Exchange(connection, request, fenceOf(session, connection, way))
  const ignoreAbort = onAbort(signal, () => exchange.expire(signal.reason))
  await exchange.done
  ignoreAbort()
  return exchange.refusedFrom
}

/** The error to throw when one cause kept every single row from being written. */
export function commonError({ errors }: Outcomes): AttemptError | undefined {
  const [first] = errors
  return first instanceof AttemptError && errors.length > 1 && errors.every((error) => error === first)
    ? first
    : undefined
}
