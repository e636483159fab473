import { unlessAborted } from '../../support/abort.ts'
import type { RedisConnection, RedisEndpoint } from './client.ts'
import { ClientEndedError, NotSentError } from './outcome.ts'

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

/** Where ioredis 5 and 6, and their clusters, keep what will wake them while they sleep between two tries. */
const TIMER = 'reconnectTimeout'

/** One that was disconnected while it slept never wakes, and ioredis says `reconnecting` of it for ever. */
function isEnded(client: RedisEndpoint): boolean {
  return client.status === 'end' || (client.status === 'reconnecting' && Reflect.get(client, TIMER) === null)
}

function becomeReady(client: RedisEndpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    if (isEnded(client)) return reject(new ClientEndedError())
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

/**
 * Listens from here on. What it returns cuts the connection if the server has not said a word meanwhile, and tells whether it
 * did: nobody may hear that connection any more, and ioredis would never notice. One that is still being made is left to
 * `connectTimeout`.
 */
export function silenceOf(connection: RedisConnection): () => boolean {
  const { stream } = connection
  const heard = stream?.bytesRead
  return () => {
    const isUp = connection.status === 'ready' || connection.status === 'connect'
    if (stream === undefined || !isUp || connection.stream !== stream || stream.bytesRead !== heard) return false
    stream.destroy()
    return true
  }
}

/** Waits for what the server has to say; a connection that is silent until the abort is cut. */
export async function heard<T>(connection: RedisConnection, signal: AbortSignal, words: Promise<T>): Promise<T> {
  const cutIfSilent = silenceOf(connection)
  try {
    return await unlessAborted(words, signal)
  } catch (error) {
    if (signal.aborted) cutIfSilent()
    throw error
  }
}
