import { AttemptError } from '../../contract/driver.ts'
import type { RedisCluster, RedisConnection } from './client.ts'
import { isReady, ready } from './connection.ts'
import { Flight, type Load } from './exchange.ts'
import { NotSentError, Outcomes } from './outcome.ts'
import type { Pipeline } from './pipeline.ts'
import { add, nodesByAddress, type Redirection, type Routes, redirectionIn, refresh, routesOf } from './route.ts'

/** How often an entry is sent on to the node that the last one named. */
const MAX_REDIRECTIONS = 5

/** Sends everything over one connection. Never rejects. */
export async function dispatch(client: RedisConnection, pipeline: Pipeline, signal: AbortSignal): Promise<Outcomes> {
  const outcomes = new Outcomes(pipeline.rows.length)
  const entries = pipeline.rows.map((_, entry) => entry)
  await fly(client, { pipeline, entries, outcomes, asking: false }, signal)
  return outcomes
}

/** Sends each entry to the node that serves its slot, and on to where that node says. Never rejects. */
export async function dispatchToCluster(
  cluster: RedisCluster,
  pipeline: Pipeline,
  signal: AbortSignal,
): Promise<Outcomes> {
  const outcomes = new Outcomes(pipeline.rows.length)
  const trip = { cluster, pipeline, outcomes, signal }
  try {
    await unlessAborted(ready(cluster), signal)
  } catch (error) {
    outcomes.fail([...pipeline.rows.keys()], error, false)
    return outcomes
  }
  let routes = routesOf(cluster, pipeline)
  if (routes.has(undefined)) {
    await unlessAborted(refresh(cluster), signal).catch(() => undefined)
    routes = routesOf(cluster, pipeline)
  }
  await flyAll(trip, routes, false)
  for (let hops = 0; hops < MAX_REDIRECTIONS && !signal.aborted; hops++) {
    if (!(await follow(trip))) break
  }
  return outcomes
}

interface Trip {
  readonly cluster: RedisCluster
  readonly pipeline: Pipeline
  readonly outcomes: Outcomes
  readonly signal: AbortSignal
}

async function flyAll({ cluster, pipeline, outcomes, signal }: Trip, routes: Routes, asking: boolean): Promise<void> {
  const flights = Array.from(routes, async ([node, entries]) => {
    if (node === undefined) outcomes.fail(entries, new NotSentError('no known node serves the slot'), false)
    else await fly(node, { pipeline, entries, outcomes, asking }, signal)
    if (node === undefined || !isReady(node)) void refresh(cluster)
  })
  await Promise.all(flights)
}

/** Sends the entries that were redirected to the nodes named. @returns whether there were any that could be */
async function follow(trip: Trip): Promise<boolean> {
  const { cluster, outcomes } = trip
  const redirected = redirections(outcomes)
  if (redirected.size === 0) return false
  const moved = [...redirected.values()].some(({ asking }) => !asking)
  let nodes = nodesByAddress(cluster)
  const isKnown = ({ address }: Redirection) => nodes.has(address)
  if (moved || ![...redirected.values()].every(isKnown)) {
    await unlessAborted(refresh(cluster), trip.signal).catch(() => undefined)
    nodes = nodesByAddress(cluster)
  }
  const routes: Record<'moved' | 'asking', Routes> = { moved: new Map(), asking: new Map() }
  for (const [entry, { asking, address }] of redirected) {
    const node: RedisConnection | undefined = nodes.get(address)
    if (node === undefined) continue
    outcomes.errors[entry] = undefined
    add(asking ? routes.asking : routes.moved, node, entry)
  }
  await Promise.all([flyAll(trip, routes.moved, false), flyAll(trip, routes.asking, true)])
  return routes.moved.size + routes.asking.size > 0
}

function redirections(outcomes: Outcomes): Map<number, Redirection> {
  const found = new Map<number, Redirection>()
  outcomes.errors.forEach((error, entry) => {
    const redirection = redirectionIn(error?.cause)
    if (redirection !== undefined) found.set(entry, redirection)
  })
  return found
}

/** One flight, from a ready connection to its end, or to the abort. Never rejects. */
async function fly(connection: RedisConnection, load: Load, signal: AbortSignal): Promise<void> {
  try {
    await unlessAborted(ready(connection), signal)
    if (!isReady(connection)) throw new NotSentError('the connection to Redis closed at once')
  } catch (error) {
    load.outcomes.fail(load.entries, error, false)
    return
  }
  const flight = new Flight(connection, load)
  const abandon = () => flight.lose(signal.reason, true)
  signal.addEventListener('abort', abandon, { once: true })
  await flight.done
  signal.removeEventListener('abort', abandon)
}

/** @throws the signal's reason, when that is aborted first */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abandon = () => reject(signal.reason)
    if (signal.aborted) return abandon()
    signal.addEventListener('abort', abandon, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abandon))
  })
}

/** The error to throw when one cause kept every single row from being written. */
export function commonError({ errors }: Outcomes): AttemptError | undefined {
  const [first] = errors
  return first instanceof AttemptError && errors.length > 1 && errors.every((error) => error === first)
    ? first
    : undefined
}
