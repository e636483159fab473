import { byNodeCode, byText, type TextTable } from '../../contract/error-recognition.ts'
import { type Classification, type KnownReason, traitsOf } from '../../contract/reasons.ts'
import { classifyCompanion } from '../kit/companions.ts'
import { EncodeError } from '../kit/encode-error.ts'
import { endedTooEarly } from '../kit/ended.ts'
import { isServerError, type ServerError } from './client.ts'
import { MissingIndexError } from './keys.ts'

/**
 * Reasons by error number. Up to 1862 MySQL and MariaDB agree; beyond, those of MySQL are above 3000 and those of MariaDB
 * between 1900 and 2000 and above 4000 (MySQL "Server Error Message Reference", MariaDB "Error Codes"). Below 120 it is a file that
 * fails, from there on a storage engine (`mysys_err.h`, `my_base.h` of either server). What the server refuses it has rolled
 * back; where the outcome is unknown the driver says so with the error (`AttemptError.ambiguous`).
 */
const BY_ERRNO: Readonly<Record<KnownReason, readonly number[]>> = {
  context: [],
  processor_timeout: [],
  overflow: [],
  fenced: [],
  // 1242: a row that met another row than the one of its key, see conflictGuard in sql.ts
  duplicate_key: [1022, 1062, 1169, 1242, 1557, 1586, 1761, 1762, 1859],
  constraint: [1048, 1216, 1217, 1263, 1364, 1369, 1451, 1452, 1526, 1644, 1748, 3819, 4025],
  invalid_data: [
    1118, 1153, 1162, 1264, 1265, 1292, 1300, 1365, 1366, 1367, 1406, 1411, 1416, 1441, 1525, 1690, 1713, 1918, 3140,
    3141, 3144, 3156, 3157, 3158, 3643, 3751, 3752, 3903, 4038,
  ],
  deadlock: [1020, 1213, 1402, 1613, 1614, 3101],
  lock_timeout: [1205, 1206, 1637, 3572],
  timeout: [1317, 1969, 3024],
  connection: [
    1040, 1042, 1043, 1047, 1053, 1079, 1080, 1135, 1152, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161, 1184, 1203,
    1226, 1927, 2002, 2003, 2006, 2013, 2055, 3032, 3168, 3169, 4031,
  ],
  io: [
    1, 2, 3, 4, 5, 9, 10, 14, 15, 23, 27, 29, 126, 127, 128, 130, 132, 144, 145, 1004, 1015, 1016, 1017, 1023, 1024,
    1026, 1030, 1033, 1034, 1035, 1037, 1038, 1041, 1194, 1195, 1296, 1297, 1712, 1812, 1814, 1815, 1877, 1932,
  ],
  schema: [1049, 1051, 1054, 1109, 1146, 1288, 1348, 1471, 1906, 3105],
  syntax: [1064, 1103, 1110, 1117, 1136, 1149, 1305, 1390],
  permission: [1044, 1045, 1095, 1129, 1130, 1142, 1143, 1227, 1251, 1698, 1820, 3118, 3159, 3955, 4151],
  read_only: [1036, 1290, 1792, 1836, 1874],
  out_of_space: [20, 135, 136, 189, 1021, 1114],
  non_retryable: [1235, 1461, 1568, 1665, 3098],
  unknown: [],
}

const REASONS: ReadonlyMap<number, KnownReason> = new Map(
  Object.entries(BY_ERRNO).flatMap(([reason, numbers]) => numbers.map((number) => [number, reason as KnownReason])),
)

/** Numbers of errors that may pass by themselves. */
export const RETRYABLE: readonly number[] = Object.entries(BY_ERRNO).flatMap(([reason, numbers]) =>
  traitsOf(reason).retryable ? numbers : [],
)

/** Codes of `mysql2` itself. */
const BY_CODE: Readonly<Record<string, KnownReason>> = {
  HANDSHAKE_NO_SSL_SUPPORT: 'permission',
  HANDSHAKE_SSL_ERROR: 'connection',
  HANDSHAKE_UNKNOWN_ERROR: 'connection',
  PROTOCOL_CONNECTION_LOST: 'connection',
  PROTOCOL_SEQUENCE_TIMEOUT: 'timeout',
}

/** What `mysql2` says without any code. */
const BY_TEXT: TextTable = [
  [/closed state|connection lost|server closed the connection/i, 'connection'],
  [/no connections available|queue limit reached/i, 'connection'],
  [/auth|password/i, 'permission'],
]

/** What `mysql2` says when its pool was ended. */
const ENDED = /^pool is closed/i

/** Recognises what MySQL, MariaDB, `mysql2` and this driver throw. */
export function classify(error: unknown): Classification | undefined {
  if (error instanceof EncodeError) return { reason: 'invalid_data' }
  if (error instanceof MissingIndexError) return { reason: 'schema', isolate: false, detail: error.message }
  const companion = classifyCompanion(error, classify)
  if (companion !== undefined) return companion
  if (!(error instanceof Error)) return undefined
  if (isServerError(error)) return byServer(error)
  if (ENDED.test(error.message)) return endedTooEarly('the pool was ended')
  const code: unknown = Reflect.get(error, 'code')
  const reason =
    (typeof code === 'string' ? BY_CODE[code] : undefined) ?? byNodeCode(error) ?? byText(BY_TEXT, error.message)
  if (reason === undefined) return undefined
  return typeof code === 'string' ? { reason, code } : { reason }
}

/** Messages about a table and its columns hold their names and no value, unless a trigger words one of its own. */
const NAMES_ONLY =
  /^(?:Unknown (?:column|database|table)|Table .* doesn't exist|The (?:target table|value specified for generated column))/

/** The others may be written. */
const TABLE_READ_ONLY = 1036

/** Values for a generated column, in MariaDB and in MySQL. */
const GENERATED = new Set([1906, 3105])

function byServer(error: ServerError): Classification {
  const { errno, message } = error
  const reason = reasonFor(error)
  const code = String(errno)
  if (errno === TABLE_READ_ONLY) return { reason, code, outage: false }
  const detail = reason === 'schema' && NAMES_ONLY.test(message) ? message : undefined
  // A generated column is refused for each row, and accepted where there is none.
  return { reason, code, ...(detail !== undefined && { detail }), ...(GENERATED.has(errno) && { isolate: false }) }
}

/** Triggers and procedures raise any number they like: class 45 of SQLSTATE is theirs, others still mean something. */
function reasonFor({ errno, sqlState: state, message }: ServerError): KnownReason {
  if (state.startsWith('45')) return 'constraint'
  const reason = REASONS.get(errno)
  if (reason === 'io' && /No space left on device/.test(message)) return 'out_of_space'
  if (reason !== undefined) return reason
  if (state.startsWith('23')) return 'constraint'
  if (state.startsWith('22')) return 'invalid_data'
  if (state.startsWith('08')) return 'connection'
  return state.startsWith('42') ? 'syntax' : 'unknown'
}
