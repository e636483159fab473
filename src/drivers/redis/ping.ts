import { unlessAborted } from '../../support/abort.ts'
import { isCluster, type RedisClient, type RedisConnection } from './client.ts'
import { heard, isReady, ready } from './connection.ts'
import { NotSentError } from './outcome.ts'

/**
 * Asks for a sign of life: of one node, where there are several. How often ioredis tries to connect meanwhile is for its
 * `retryStrategy` to say: calling `connect()` in its pauses would start a second series of tries beside its own.
 *
 * @throws what the client or the server said instead
 */
export async function ping(client: RedisClient, signal: AbortSignal): Promise<void> {
  const node = await readyNode(client, signal)
  await heard(node, signal, node.call('PING'))
}

/** Whom to ask what all nodes know. @throws what the client said when there is none */
export async function readyNode(client: RedisClient, signal: AbortSignal): Promise<RedisConnection> {
  await (isCluster(client) ? unlessAborted(ready(client), signal) : heard(client, signal, ready(client)))
  const node = isCluster(client) ? client.nodes('master').find(isReady) : client
  if (node === undefined) throw new NotSentError('no node of the cluster is ready')
  return node
}
