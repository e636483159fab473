import { byNodeCode, byText, type TextTable } from '../../contract/error-recognition.ts'
import type { Classification, KnownReason } from '../../contract/reasons.ts'
import { OptionError } from '../../support/batchflow-error.ts'
import { EncodeError } from '../kit/encode-error.ts'
import { endedTooEarly } from '../kit/ended.ts'
import {
  ClientEndedError,
  ForeignTransactionError,
  isReplyError,
  KeyExistsError,
  NotSentError,
  WatchedKeyError,
} from './outcome.ts'

/** Reasons by error prefix, the first word of an error reply (Redis protocol specification, "Simple errors"). */
const BY_PREFIX: Readonly<Record<string, KnownReason>> = {
  ASK: 'connection',
  BUSY: 'timeout', // a script has run for longer than it should
  BUSYGROUP: 'duplicate_key',
  BUSYKEY: 'duplicate_key',
  CLUSTERDOWN: 'connection',
  CROSSSLOT: 'syntax',
  DENIED: 'permission',
  LOADING: 'connection',
  MASTERDOWN: 'connection',
  MISCONF: 'io', // the last snapshot failed
  MOVED: 'connection',
  NOAUTH: 'permission',
  NOPERM: 'permission',
  NOREPLICAS: 'connection',
  NOSCRIPT: 'io', // the scripts were flushed between loading ours and calling it
  OOM: 'out_of_space',
  READONLY: 'read_only',
  TRYAGAIN: 'connection',
  UNKILLABLE: 'timeout',
  WRONGPASS: 'permission',
  WRONGTYPE: 'constraint', // the key holds another kind of value
}

/** Whatever is sent is answered so until somebody, or time, mends it. */
const OUTAGES = new Set(['CLUSTERDOWN', 'LOADING', 'MASTERDOWN', 'MISCONF', 'NOAUTH', 'NOREPLICAS', 'WRONGPASS'])

/** Errors without a prefix of their own, and what ioredis says without a code. */
const BY_TEXT: TextTable = [
  [/^ERR max number of clients/, 'connection'],
  [/^ERR (?:unknown (?:sub)?command|wrong number of arguments|syntax error)/i, 'syntax'],
  [/^ERR .*specified in XADD is equal or smaller/, 'duplicate_key'],
  [/^ERR .*(?:not an integer|not a valid float|out of range|overflow|invalid|exceeds maximum|NaN)/i, 'invalid_data'],
  [/^Connection is closed|^Command aborted|^Cluster is|^Stream isn't writeable|^None of startup nodes/, 'connection'],
  [/^Failed to refresh slots cache|^Cluster isn't ready|^Reached the max retries|^Socket timeout/, 'connection'],
  [/subscriber mode|monitoring mode/, 'non_retryable'],
]

/** Recognises what Redis, `ioredis` and this driver say. */
export function classify(error: unknown): Classification | undefined {
  if (error instanceof EncodeError) return { reason: 'invalid_data' }
  if (error instanceof KeyExistsError) return { reason: 'duplicate_key' }
  if (error instanceof ClientEndedError) return endedTooEarly('the connection to Redis was ended')
  if (error instanceof NotSentError) return { reason: 'connection' }
  if (error instanceof WatchedKeyError) return { reason: 'deadlock', isolate: false }
  if (error instanceof ForeignTransactionError) return { reason: 'non_retryable', isolate: false }
  if (error instanceof OptionError) return { reason: 'non_retryable' }
  if (!(error instanceof Error)) return undefined
  const prefix = prefixOf(error.message)
  const reason = byNodeCode(error) ?? byPrefix(prefix) ?? byText(BY_TEXT, error.message)
  if (prefix !== undefined && isReplyError(error)) {
    return { reason: reason ?? 'unknown', code: prefix, ...(OUTAGES.has(prefix) && { outage: true }) }
  }
  return reason === undefined ? undefined : { reason }
}

/**
 * Capital letters and a space behind them; anything else may be a text of somebody's own, and quote a value. A script of
 * Redis 6 puts a text in front of the error it met.
 */
function prefixOf(message: string): string | undefined {
  return (/^ERR Error running script.*? -([A-Z]{2,24}) /.exec(message) ?? /^([A-Z]{2,24}) /.exec(message))?.[1]
}

function byPrefix(prefix: string | undefined): KnownReason | undefined {
  return prefix !== undefined && Object.hasOwn(BY_PREFIX, prefix) ? BY_PREFIX[prefix] : undefined
}
