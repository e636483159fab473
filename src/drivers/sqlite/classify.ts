import { byText, type TextTable } from '../../contract/error-recognition.ts'
import type { Classification, KnownReason } from '../../contract/reasons.ts'
import { classifyCompanion } from '../kit/companions.ts'
import { EncodeError } from '../kit/encode-error.ts'
import { endedTooEarly } from '../kit/ended.ts'
import { resultCode, resultName } from './client.ts'

interface Result {
  readonly code: number
  readonly reason: KnownReason
}

/** Reasons by result code (SQLite documentation, "Result and Error Codes"); an extended one has its primary code as low byte. */
const RESULTS: Readonly<Record<string, Result>> = {
  SQLITE_ERROR: { code: 1, reason: 'syntax' },
  SQLITE_INTERNAL: { code: 2, reason: 'io' },
  SQLITE_PERM: { code: 3, reason: 'permission' },
  SQLITE_ABORT: { code: 4, reason: 'non_retryable' },
  SQLITE_BUSY: { code: 5, reason: 'lock_timeout' },
  SQLITE_LOCKED: { code: 6, reason: 'lock_timeout' },
  SQLITE_NOMEM: { code: 7, reason: 'io' },
  SQLITE_READONLY: { code: 8, reason: 'read_only' },
  SQLITE_INTERRUPT: { code: 9, reason: 'timeout' },
  SQLITE_IOERR: { code: 10, reason: 'io' },
  SQLITE_CORRUPT: { code: 11, reason: 'non_retryable' },
  SQLITE_FULL: { code: 13, reason: 'out_of_space' },
  SQLITE_CANTOPEN: { code: 14, reason: 'io' },
  SQLITE_PROTOCOL: { code: 15, reason: 'lock_timeout' },
  SQLITE_SCHEMA: { code: 17, reason: 'lock_timeout' }, // the schema changed again and again meanwhile
  SQLITE_TOOBIG: { code: 18, reason: 'invalid_data' },
  SQLITE_CONSTRAINT: { code: 19, reason: 'constraint' },
  SQLITE_MISMATCH: { code: 20, reason: 'invalid_data' },
  SQLITE_MISUSE: { code: 21, reason: 'non_retryable' },
  SQLITE_AUTH: { code: 23, reason: 'permission' },
  SQLITE_RANGE: { code: 25, reason: 'syntax' },
  SQLITE_NOTADB: { code: 26, reason: 'non_retryable' },
  SQLITE_CONSTRAINT_PRIMARYKEY: { code: 1555, reason: 'duplicate_key' },
  SQLITE_CONSTRAINT_UNIQUE: { code: 2067, reason: 'duplicate_key' },
  SQLITE_CONSTRAINT_ROWID: { code: 2579, reason: 'duplicate_key' },
  SQLITE_CONSTRAINT_DATATYPE: { code: 3091, reason: 'invalid_data' }, // a STRICT table
}

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(RESULTS).map(([name, { code }]) => [code, name]))

/** Its words about a table that is not as `defineTable` says; they name tables and columns, and no value. */
const SCHEMA =
  /no such (?:table|column|view)|has no column named|ON CONFLICT clause does not match|cannot (?:INSERT into|UPDATE) generated column|cannot modify \S+ because it is a view/i

/** SQLite's own words where one code says many things, and what the clients say without any. */
const BY_TEXT: TextTable = [
  [/within a transaction/i, 'lock_timeout'], // somebody awaits in the middle of one on this very database
]

/** What the clients say when the database was closed. */
const ENDED = /database (?:connection )?is not open/i

/** Recognises what SQLite, its clients and this driver throw. */
export function classify(error: unknown): Classification | undefined {
  if (error instanceof EncodeError) return { reason: 'invalid_data' }
  if (!(error instanceof Error)) return undefined
  if (ENDED.test(error.message)) return endedTooEarly('the database was closed')
  const companion = classifyCompanion(error, classify)
  if (companion !== undefined) return companion
  const code = nameOf(error)
  if ((code === undefined || code === 'SQLITE_ERROR') && SCHEMA.test(error.message)) {
    return { reason: 'schema', code, detail: error.message }
  }
  const reason = byText(BY_TEXT, error.message) ?? reasonOf(code)
  if (reason === undefined) return undefined
  if (reason === 'read_only') return { reason, code, outage: false } // a file was opened so, and no server will change that
  return code === undefined ? { reason } : { reason, code }
}

/** `SQLITE_BUSY_SNAPSHOT` is a kind of `SQLITE_BUSY`. */
function reasonOf(name: string | undefined): KnownReason | undefined {
  if (name === undefined) return undefined
  return (RESULTS[name] ?? RESULTS[name.split('_', 2).join('_')])?.reason
}

function nameOf(error: Error): string | undefined {
  const code = resultCode(error)
  if (code === undefined) return resultName(error)
  return NAMES.get(code) ?? NAMES.get(code & 0xff)
}
