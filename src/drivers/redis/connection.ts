import type { RedisConnection, RedisEndpoint } from './client.ts'
import { NotSentError } from './outcome.ts'

const READY = Promise.resolve()
const readying = new WeakMap<RedisEndpoint, Promise<void>>()
const closings = new WeakMap<RedisConnection, Set<() => void>>()

/**
 * Waits for the connection attempt under way or due, not longer: nothing of ours may rest in the offline queue of
 * ioredis, from where it would be sent when we have long given it up. All who wait share one set of listeners.
 *
 * @throws what the client gave as the reason, or {@link NotSentError}
 */
export function ready(client: RedisEndpoint): Promise<void> {
  if (isReady(client)) return READY
  let promise = readying.get(client)
  if (promise === undefined) {
    promise = becomeReady(client).finally(() => readying.delete(client))
    readying.set(client, promise)
  }
  return promise
}

/** As ioredis itself decides whether to write or to queue. */
export function isReady(client: RedisEndpoint | RedisConnection): boolean {
  if (client.status !== 'ready') return false
  if (!('stream' in client)) return true
  return client.stream?.writable === true && !client.stream.writableEnded
}

function becomeReady(client: RedisEndpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    if (client.status === 'end') return reject(new NotSentError('the connection to Redis is ended'))
    if (client.options.enableOfflineQueue === false && client.status !== 'wait') {
      return reject(new NotSentError(`the connection to Redis is not ready: ${client.status}`))
    }
    let isClosing = client.status === 'ready' // its socket is gone already, and its end has not been told yet
    let cause: Error = new NotSentError('the connection to Redis could not be made')
    const onError = (error: Error) => (cause = error)
    const onReady = () => settle(resolve)
    const onEnd = () => settle(() => reject(cause))
    const onClose = () => {
      if (!isClosing) onEnd()
      isClosing = false
    }
    const settle = (done: () => void) => {
      client.removeListener('error', onError)
      client.removeListener('ready', onReady)
      client.removeListener('close', onClose)
      client.removeListener('end', onEnd)
      done()
    }
    client.on('error', onError)
    client.on('ready', onReady)
    client.on('close', onClose)
    client.on('end', onEnd)
    if (client.status === 'wait') client.connect().catch(onError)
  })
}

/** Calls `listener` when the connection closes; returns what takes it off again. One listener of ours per client. */
export function onClose(connection: RedisConnection, listener: () => void): () => void {
  let listeners = closings.get(connection)
  if (listeners === undefined) {
    const own = new Set<() => void>()
    connection.on('close', () => {
      for (const call of own) call()
    })
    closings.set(connection, (listeners = own))
  }
  const all = listeners.add(listener)
  return () => all.delete(listener)
}
