import type { NatMap, RedisCluster, RedisConnection } from './client.ts'
import { ready } from './connection.ts'
import { ANY_SLOT, type Pipeline } from './pipeline.ts'

/** Where a node says that a key is to be found: for good (`MOVED`), or for this command only (`ASK`). */
export interface Redirection {
  readonly asking: boolean
  readonly address: string
}

/**
 * `MOVED 3999 127.0.0.1:6381`, `ASK 3999 127.0.0.1:6381` (Redis cluster specification, "Redirection"). Since Redis 7 the host
 * may be empty, and is then the one that answered.
 *
 * @param from the node that answered
 */
export function redirectionIn(
  error: unknown,
  from: RedisConnection | undefined,
  natMap: NatMap | undefined,
): Redirection | undefined {
  const found = error instanceof Error ? /^(MOVED|ASK) \d+ (\S*):(\d+)/.exec(error.message) : null
  if (found === null) return undefined
  const [, kind, host, port] = found
  const address = host === '' ? `${from?.options.host}:${port}` : mapped(`${host}:${port}`, natMap)
  return { asking: kind === 'ASK', address }
}

/** Where the node is reached from here: it knows only the address it has in a network of its own. */
function mapped(address: string, natMap: NatMap | undefined): string {
  const found = typeof natMap === 'function' ? natMap(address) : natMap?.[address]
  return found ? `${found.host}:${found.port}` : address
}

/** Which entries go to which node; `undefined` stands for a slot that no known node serves. */
export type Routes = Map<RedisConnection | undefined, number[]>

export function routesOf(cluster: RedisCluster, pipeline: Pipeline): Routes {
  const nodes = nodesByAddress(cluster)
  const anyNode = cluster.nodes('master')[0]
  const routes: Routes = new Map()
  pipeline.slots.forEach((slot, entry) => {
    const address = cluster.slots[slot]?.[0]
    add(routes, slot === ANY_SLOT || address === undefined ? anyNode : nodes.get(address), entry)
  })
  return routes
}

export function add(routes: Routes, node: RedisConnection | undefined, entry: number): void {
  const entries = routes.get(node)
  if (entries === undefined) routes.set(node, [entry])
  else entries.push(entry)
}

export function nodesByAddress(cluster: RedisCluster): ReadonlyMap<string, RedisConnection> {
  return new Map(cluster.nodes('all').map((node) => [`${node.options.host}:${node.options.port}`, node]))
}

/** Has the client learn anew which node serves which slots. Never rejects: what is still unknown will show. */
export async function refresh(cluster: RedisCluster): Promise<void> {
  await new Promise<void>((resolve) => cluster.refreshSlotsCache(() => resolve()))
  await ready(cluster).catch(() => undefined)
}
