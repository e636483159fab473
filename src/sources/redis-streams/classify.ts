import { byNodeCode } from '../../contract/error-recognition.ts'
import type { Classification, KnownReason } from '../../contract/reasons.ts'
import { NotConnectedError } from './connection.ts'

/** Reasons by error prefix, the first word of an error reply (Redis protocol specification, "Simple errors"). */
const BY_PREFIX: Readonly<Record<string, KnownReason>> = {
  BUSY: 'timeout',
  CLUSTERDOWN: 'connection',
  LOADING: 'connection',
  MASTERDOWN: 'connection',
  MISCONF: 'io',
  NOAUTH: 'permission',
  NOPERM: 'permission',
  NOREPLICAS: 'connection',
  OOM: 'out_of_space',
  READONLY: 'read_only',
  TRYAGAIN: 'connection',
  WRONGPASS: 'permission',
  WRONGTYPE: 'schema', // the key holds another kind of value
}

/** Whatever is sent is answered so until somebody, or time, mends it. */
const OUTAGES = new Set([
  'BUSY',
  'CLUSTERDOWN',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'NOAUTH',
  'NOREPLICAS',
  'OOM',
  'READONLY',
  'WRONGPASS',
])

/** The first word of what the server said, in front of which a script may put another. */
export function prefixOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined
  return /^(?:ERR (?:Error running script.*? )?-?)?([A-Z]{2,24})\b/.exec(error.message)?.[1]
}

/** Recognises what Redis and `ioredis` say to a publisher. */
export function classify(error: unknown): Classification | undefined {
  if (error instanceof NotConnectedError) return { reason: 'connection', outage: true }
  if (!(error instanceof Error)) return undefined
  const prefix = prefixOf(error)
  if (prefix !== undefined) {
    const reason = Object.hasOwn(BY_PREFIX, prefix) ? BY_PREFIX[prefix]! : 'unknown'
    return { reason, code: prefix, ...(OUTAGES.has(prefix) && { outage: true }) }
  }
  const reason = byNodeCode(error)
  if (reason !== undefined) return { reason }
  return /^Connection is closed|^Command aborted|^Cluster|^Stream isn't writeable|^None of startup/.test(error.message)
    ? { reason: 'connection' }
    : undefined
}
