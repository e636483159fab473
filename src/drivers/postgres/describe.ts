import { OptionError } from '../../support/batchflow-error.ts'
import { answerTo } from '../kit/lease.ts'
import { quoteIdentifier, quotePath } from '../kit/sql.ts'
import type { PgClient } from './client.ts'
import type { Lease } from './connection.ts'
import { AskedParameter, type PrepareValue } from './date-zone.ts'
import type { Operators } from './sql.ts'

/** What the catalogue knows about a table, as far as writing to it goes. */
export interface Description {
  /**
   * COPY does the same as INSERT here: a plain or partitioned table without rules or row-level security for us. And it can
   * be sent in one go: nobody stands between us and the server.
   */
  readonly copyable: boolean
  /** Changes whenever a column comes, goes, or changes its name, type or identity, and with rules and row security. */
  readonly version: string
  /** Of the client that was asked. */
  readonly prepareValue?: PrepareValue | undefined
  /** The columns by name; none when there is no such table. */
  readonly columns: ReadonlyMap<string, ColumnType>
}

export interface ColumnType {
  /**
   * The declared type, quoted and without a length: a cast must not truncate, only the assignment may judge. Of a domain what it is
   * made of, as a cast to it truncates, too.
   */
  readonly sqlType: string
  /** With the precision that a cast rounds to as the assignment does; without one where that would refuse the value. */
  readonly exactType: string
  readonly operators?: Operators | undefined
  /** What domains and arrays are made of in the end. */
  readonly scalarOid: number
  readonly isEnum: boolean
  /** The element type when the column is an array. */
  readonly elementOid: number | undefined
  /** GENERATED ALWAYS AS IDENTITY: COPY would silently overrule it, INSERT refuses. */
  readonly isIdentityAlways: boolean
}

/** A column the catalogue does not know: the server will say so itself, in its own words. */
export const UNKNOWN_COLUMN: ColumnType = {
  sqlType: 'pg_catalog.text',
  exactType: 'pg_catalog.text',
  scalarOid: 0,
  isEnum: false,
  elementOid: undefined,
  isIdentityAlways: false,
}

/**
 * SQL for the version of the table that the SQL expression `table` names: of everything that was learned about it. Also run
 * after each batch, in its transaction.
 */
export function versionSql(table: string): string {
  return (
    'SELECT pg_catalog.hashtextextended(pg_catalog.string_agg(pg_catalog.concat_ws(' +
    "' ', a.attname, a.atttypid, a.atttypmod, a.attidentity, c.relkind, c.relhasrules, pg_catalog.row_security_active(c.oid)), ',' " +
    'ORDER BY a.attnum), 0) FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid ' +
    `WHERE a.attrelid = pg_catalog.to_regclass(${table}) AND a.attnum > 0 AND NOT a.attisdropped`
  )
}

/** numeric, time, timetz, timestamp, timestamptz, interval. */
const ROUNDED = '1700, 1083, 1266, 1114, 1184, 1186'

/**
 * Those of the default btree operator class of a type, by which unique indexes and ON CONFLICT compare. The ones of `pg_catalog`, also for
 * arrays and enums, are found by their names.
 */
const OPERATORS = `
SELECT pg_catalog.json_object_agg(CASE m.amopstrategy WHEN 1 THEN '<' WHEN 3 THEN '=' ELSE '>' END,
  pg_catalog.format('OPERATOR(%I.%s)', os.nspname, o.oprname))
FROM pg_catalog.pg_opclass oc
JOIN pg_catalog.pg_am am ON am.oid = oc.opcmethod AND am.amname = 'btree'
JOIN pg_catalog.pg_amop m ON m.amopfamily = oc.opcfamily AND m.amopstrategy IN (1, 3, 5)
  AND m.amoplefttype = oc.opcintype AND m.amoprighttype = oc.opcintype
JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr
JOIN pg_catalog.pg_namespace os ON os.oid = o.oprnamespace AND os.nspname <> 'pg_catalog'
WHERE oc.opcintype = s.type AND oc.opcdefault`

/** One row per column and per step from its declared type, through domains and array elements, to a scalar. */
const DESCRIBE = `
WITH RECURSIVE step AS (
  SELECT a.attnum, a.attname, a.attidentity, a.attrelid, a.atttypmod, 0 AS depth, a.atttypid AS type, false AS element
  FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT s.attnum, s.attname, s.attidentity, s.attrelid, t.typtypmod, s.depth + 1,
    CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END, s.element OR t.typtype <> 'd'
  FROM step s JOIN pg_catalog.pg_type t ON t.oid = s.type
  WHERE t.typtype = 'd'
    OR EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid)
)
SELECT s.attname::text AS name, (s.attidentity = 'a')::text AS identity, s.element::text AS element,
  s.type::text AS oid, CASE WHEN NOT s.element AND s.type IN (${ROUNDED}) THEN pg_catalog.format_type(s.type, s.atttypmod) END AS exact,
  t.typtype::text AS kind, t.typname::text AS type, n.nspname::text AS schema,
  (${OPERATORS})::text AS operators,
  (${versionSql('$1')})::text AS version,
  pg_catalog.pg_backend_pid()::text AS pid,
  (c.relkind IN ('r', 'p') AND NOT c.relhasrules AND NOT pg_catalog.row_security_active(c.oid))::text AS copyable
FROM step s
JOIN pg_catalog.pg_type t ON t.oid = s.type
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
JOIN pg_catalog.pg_class c ON c.oid = s.attrelid
ORDER BY s.attnum, s.depth`

/** Asks the catalogue, with the search path of this connection, as the statements themselves will. */
export async function describeTable(lease: Lease, path: readonly string[], signal: AbortSignal): Promise<Description> {
  const client = lease.connection
  if (client.connection === undefined || client.pipeline === true) {
    throw new OptionError('postgresExecutor needs a pool of the JavaScript pg client without { pipeline: true }')
  }
  const name = new AskedParameter(quotePath(path))
  const { rows } = await answerTo(lease, client.query({ text: DESCRIBE, values: [name] }), signal)
  const columns = new Map<string, ColumnType>()
  for (const row of rows) columns.set(String(row['name']), refine(columns.get(String(row['name'])), row))
  const copyable = rows[0]?.['copyable'] === 'true' && !isPooled(client, rows[0]['pid'])
  return { copyable, version: String(rows[0]?.['version'] ?? 0), prepareValue: name.prepareValue, columns }
}

/**
 * A pooler names a process of its own invention at the start of a connection. PgBouncer loses count over COPY data that
 * come before the server asked for them: clients that wait for a server connection are forgotten, and after an error the
 * server connection is never given back (seen with 1.26; its pull requests 1470 and 1471 tell of the latter).
 */
function isPooled({ processID }: PgClient, pid: unknown): boolean {
  return String(processID) !== pid
}

function refine(outer: ColumnType | undefined, row: Record<string, unknown>): ColumnType {
  const oid = Number(row['oid'])
  const isElement = row['element'] === 'true'
  const own = `${quoteIdentifier(String(row['schema']))}.${quoteIdentifier(String(row['type']))}`
  const operators = JSON.parse(String(row['operators'] ?? '{}')) as Operators
  const whole = { sqlType: own, exactType: String(row['exact'] ?? own), operators }
  const { sqlType, exactType, operators: compared } = isElement && outer !== undefined ? outer : whole
  return {
    sqlType,
    exactType,
    operators: compared,
    scalarOid: oid,
    isEnum: row['kind'] === 'e',
    elementOid: outer?.elementOid ?? (isElement ? oid : undefined),
    isIdentityAlways: row['identity'] === 'true',
  }
}
