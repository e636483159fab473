import { AttemptError } from '../../contract/driver.ts'
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

/** The connection ended before the answers came. */
export class ConnectionLostError extends Error {
  readonly code = 'ECONNRESET'

  constructor() {
    super('the connection to Redis closed before every answer had come')
    this.name = 'ConnectionLostError'
  }
}

/** What became of each entry of a pipeline: committed, or an error. */
export class Outcomes {
  readonly errors: (AttemptError | undefined)[]

  constructor(entries: number) {
    this.errors = new Array<AttemptError | undefined>(entries).fill(undefined)
  }

  /** One error for all of `entries`: none of their answers will be known. */
  fail(entries: readonly number[], cause: unknown, ambiguous: boolean): void {
    const error = new AttemptError(cause, { ambiguous })
    for (const entry of entries) this.errors[entry] = error
  }

  /** The server refused this entry: nothing of its row is written, unless EXEC says otherwise. */
  refuse(entry: number, cause: unknown): void {
    this.errors[entry] = new AttemptError(cause, { ambiguous: false })
  }
}

/** An error the server sent, in place of a reply. ioredis and its parsers give it this name. */
export function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError'
}
