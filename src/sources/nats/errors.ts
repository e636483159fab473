import { AttemptError } from '../../contract/driver.ts'
import type { Classification, KnownReason } from '../../contract/reasons.ts'
import { OptionError } from '../../support/batchflow-error.ts'

/** There is no connection to NATS now, or none any more. */
export class DisconnectedError extends Error {
  constructor(closed = false) {
    super(
      closed
        ? 'the connection to NATS is closed: connect with maxReconnectAttempts: -1, and close it after publishers and workers'
        : 'the connection to NATS is lost; its client connects again by itself',
    )
    this.name = 'DisconnectedError'
  }
}

/** Nobody answered: no stream stores this subject, or JetStream is not ready yet. */
export class NotStoredError extends Error {
  constructor(subject: string) {
    super(`no stream answers for subject ${JSON.stringify(subject)}: is there one that stores it, and is JetStream up?`)
    this.name = 'NotStoredError'
  }
}

/** What JetStream answered instead of storing a message. */
export class RefusedError extends Error {
  /** JetStream's own code. */
  readonly code: number

  constructor({ err_code, description }: ApiError) {
    super(description)
    this.name = 'RefusedError'
    this.code = err_code
  }
}

export interface ApiError {
  readonly err_code: number
  readonly description: string
}

/** JetStream's own codes (`server/errors.json` of nats-server) that decide about something here. */
const CONSUMER_NOT_FOUND = 10014
const MESSAGE_TOO_LARGE = 10054
const HEADERS_TOO_LARGE = 10097
const NAME_IN_USE = 10058
const STREAM_NOT_FOUND = 10059
const WRONG_LAST_SEQUENCE = 10071

export const isMissingStream = (error: unknown): boolean => codeOf(error) === STREAM_NOT_FOUND
export const isMissingConsumer = (error: unknown): boolean => codeOf(error) === CONSUMER_NOT_FOUND
/** Somebody else made the stream in between. */
export const isNameInUse = (error: unknown): boolean => codeOf(error) === NAME_IN_USE
/** Somebody else has written in between. */
export const isOutdated = (error: unknown): boolean => codeOf(error) === WRONG_LAST_SEQUENCE
/** It will never be taken, whatever becomes of the others. */
export const isTooLarge = (error: unknown): boolean =>
  [MESSAGE_TOO_LARGE, HEADERS_TOO_LARGE].includes(codeOf(error) ?? 0) ||
  (error instanceof AttemptError && isTooLarge(error.cause)) ||
  (error instanceof Error && error.message.includes('max_payload'))

/** Nobody listens on a subject that something was asked of. */
export const isNoResponders = (error: unknown): boolean =>
  error instanceof Error && /no responders/i.test(error.message)

const BY_CODE: Readonly<Record<number, KnownReason>> = {
  10008: 'connection', // JetStream is not available for now
  10023: 'out_of_space', // insufficient resources
  10028: 'out_of_space', // memory resources exceeded
  10039: 'permission', // JetStream is not enabled for the account
  10047: 'out_of_space', // storage resources exceeded
  [MESSAGE_TOO_LARGE]: 'invalid_data',
  [HEADERS_TOO_LARGE]: 'invalid_data',
  [STREAM_NOT_FOUND]: 'schema',
  10065: 'schema', // the subjects are those of another stream
  10076: 'io', // JetStream was not enabled in time
  10077: 'out_of_space', // the stream is full, and made to refuse rather than to forget
  10118: 'non_retryable', // the stream is sealed
}

/** Errors by the names that `@nats-io/nats-core` gives them. */
const BY_NAME: Readonly<Record<string, KnownReason>> = {
  AuthorizationError: 'permission',
  ClosedConnectionError: 'connection',
  ConnectionError: 'connection',
  DisconnectedError: 'connection',
  DrainingConnectionError: 'connection',
  JetStreamNotEnabled: 'connection',
  NoRespondersError: 'connection',
  NotStoredError: 'connection',
  PermissionViolationError: 'permission',
  RequestError: 'connection',
  TimeoutError: 'timeout',
  UserAuthenticationExpiredError: 'permission',
}

const OUTAGES = new Set(['DisconnectedError', 'JetStreamNotEnabled', 'NoRespondersError', 'NotStoredError'])

/** Recognises what JetStream, its client and this source say. */
export function classify(error: unknown): Classification | undefined {
  if (error instanceof OptionError) return { reason: 'non_retryable', isolate: false }
  if (!(error instanceof Error)) return undefined
  if (isTooLarge(error)) return { reason: 'invalid_data' }
  const code = codeOf(error)
  const reason = (code === undefined ? undefined : BY_CODE[code]) ?? BY_NAME[error.name]
  if (code !== undefined) return { reason: reason ?? 'unknown', code: String(code), isolate: false, ...waited(reason) }
  if (reason === undefined) return undefined
  return { reason, isolate: false, ...(OUTAGES.has(error.name) && { outage: true }) }
}

/** Room comes back, and so does JetStream. What was stored meanwhile is known by its id when it is sent again. */
function waited(reason: KnownReason | undefined): Partial<Classification> {
  return reason === 'out_of_space' || reason === 'connection' ? { retryable: true, outage: true } : {}
}

function codeOf(error: unknown): number | undefined {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  return typeof code === 'number' ? code : undefined
}
