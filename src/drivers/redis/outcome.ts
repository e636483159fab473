import { AttemptError, type Fence } from '../../contract/driver.ts'
import { brand } from '../../support/brand.ts'

/** A plain insert met a key that is there already. */
export class KeyExistsError extends Error {
  static {
    brand(KeyExistsError, 'key-exists-error')
  }

  constructor() {
    super('the key exists already')
    this.name = 'KeyExistsError'
  }
}

/** There was no connection to send anything on. */
export class NotSentError extends Error {
  static {
    brand(NotSentError, 'not-sent-error')
  }

  constructor(message: string) {
    super(message)
    this.name = 'NotSentError'
  }
}

/** `quit` or `disconnect` was called, or the client's `retryStrategy` gave up: it connects no more by itself. */
export class ClientEndedError extends Error {
  static {
    brand(ClientEndedError, 'client-ended-error')
  }

  constructor() {
    super('the connection to Redis is ended')
    this.name = 'ClientEndedError'
  }
}

/** The connection ended before the answers came. */
export class ConnectionLostError extends Error {
  readonly code = 'ECONNRESET'

  constructor() {
    super('the connection to Redis closed before every answer had come')
    this.name = 'ConnectionLostError'
  }
}

/** A key that the application watches on this connection was changed: nothing of the transaction was carried out. */
export class WatchedKeyError extends Error {
  static {
    brand(WatchedKeyError, 'watched-key-error')
  }

  constructor() {
    super('EXEC was not carried out: a key that the application watches on this connection has changed')
    this.name = 'WatchedKeyError'
  }
}

/** The application has a transaction open on this connection, and the command has become part of it. */
export class ForeignTransactionError extends Error {
  static {
    brand(ForeignTransactionError, 'foreign-transaction-error')
  }

  constructor() {
    super('the command became part of a MULTI of the application: give redisExecutor a connection of its own')
    this.name = 'ForeignTransactionError'
  }
}

/** What became of each entry of a pipeline: committed, or an error. */
export class Outcomes {
  readonly errors: (AttemptError | undefined)[]
  /** How many entries are committed and changed nothing. */
  superseded = 0

  constructor(entries: number) {
    this.errors = new Array<AttemptError | undefined>(entries).fill(undefined)
  }

  /** One error for all of `entries`: none of their answers will be known. */
  fail(entries: readonly number[], cause: unknown, ambiguous: boolean, fence?: Fence): void {
    const error = new AttemptError(cause, { ambiguous, fence })
    for (const entry of entries) this.errors[entry] = error
  }

  /** There was no connection to send them on. */
  unreachable(entries: readonly number[], cause: unknown): void {
    const error = new AttemptError(cause, { unreachable: true })
    for (const entry of entries) this.errors[entry] = error
  }

  /** The server refused this entry: nothing of its row is written, unless EXEC says otherwise. */
  refuse(entry: number, cause: unknown): void {
    this.errors[entry] = new AttemptError(cause, { ambiguous: cause instanceof ForeignTransactionError })
  }
}

/** An error the server sent, in place of a reply. ioredis and its parsers give it this name. */
export function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError'
}
