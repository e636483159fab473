import { unlessAborted } from '../../support/abort.ts'
import { isCluster, type RedisClient, type RedisConnection } from './client.ts'
import { heard, isReady, ready, wake } from './connection.ts'
import { NotSentError } from './outcome.ts'

/** Asks for a sign of life: of one node, where there are several. @throws what the client or the server said instead */
export async function ping(client: RedisClient, signal: AbortSignal): Promise<void> {
  wake(client)
  await (isCluster(client) ? unlessAborted(ready(client), signal) : heard(client, signal, ready(client)))
  const node = nodeOf(client)
  if (node === undefined) throw new NotSentError('no node of the cluster is ready')
  await heard(node, signal, node.call('PING'))
}

function nodeOf(client: RedisClient): RedisConnection | undefined {
  return isCluster(client) ? client.nodes('master').find(isReady) : client
}
