import type { Table } from '../../contract/table.ts'
import type { ColumnFacts, RightFacts, TableFacts } from '../../contract/table-facts.ts'
import { indexesOf } from '../kit/indexes.ts'
import { answerTo } from '../kit/lease.ts'
import { quotePath } from '../kit/sql.ts'
import type { Lease } from './connection.ts'

/** A trigger that fires before an insert may fill any column. `information_schema` knows generated columns in every version. */
const COLUMNS = `
SELECT a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
  (SELECT i.is_generated = 'ALWAYS' OR i.identity_generation = 'ALWAYS' FROM information_schema.columns i
    WHERE i.table_schema = n.nspname AND i.table_name = c.relname AND i.column_name = a.attname)::text AS generated,
  (a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND t.typdefault IS NULL AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal AND tgtype & 6 = 6))::text AS required,
  pg_catalog.has_column_privilege(c.oid, a.attnum, 'INSERT')::text AS "INSERT",
  pg_catalog.has_column_privilege(c.oid, a.attnum, 'UPDATE')::text AS "UPDATE",
  pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')::text AS "SELECT",
  pg_catalog.has_table_privilege(c.oid, 'DELETE')::text AS "DELETE"
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

/** Those that ON CONFLICT can go by: without a condition or an expression, and not deferrable. */
const UNIQUE = `
SELECT i.indexrelid::text AS index, a.attname::text AS name
FROM pg_catalog.pg_index i, pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS key(attnum, place)
JOIN pg_catalog.pg_attribute a ON a.attnum = key.attnum
WHERE i.indrelid = pg_catalog.to_regclass($1) AND a.attrelid = i.indrelid AND key.place <= i.indnkeyatts
  AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY i.indisprimary DESC, i.indexrelid, key.place`

type Answer = readonly Readonly<Record<string, unknown>>[]

/** Asks the catalogue, with the search path of this connection. */
export async function inspectTable(lease: Lease, table: Table, signal: AbortSignal): Promise<TableFacts | undefined> {
  const ask = async (text: string): Promise<Answer> =>
    (await answerTo(lease, lease.connection.query({ text, values: [quotePath(table.path)] }), signal)).rows
  const columns = await ask(COLUMNS)
  if (columns.length === 0) return undefined
  const unique = await ask(UNIQUE)
  return {
    columns: columns.map(columnFacts),
    unique: indexesOf(unique.map(({ index, name }) => [index, name])),
    rights: rightsIn(columns, table),
  }
}

function columnFacts({ name, type, generated, required }: Answer[number]): ColumnFacts {
  return {
    name: String(name),
    type: String(type),
    generated: generated === 'true',
    required: required === 'true',
  }
}

/** A right may be given to some columns alone. What `excluded` is asked for counts as read, as keys do. */
function rightsIn(found: Answer, { columns, keys, set, deletes = [] }: Table): readonly RightFacts[] {
  const needed: readonly [string, readonly string[]][] = [
    ['INSERT', columns],
    ['UPDATE', set],
    ['SELECT', [...keys, ...set, ...deletes]],
  ]
  const used = needed.filter(([, columns]) => columns.length > 0)
  const granted = used.map(([right, columns]) => ({
    name: right,
    granted: found.every(({ name, [right]: has }) => has === 'true' || !columns.includes(String(name))),
  }))
  return deletes.length === 0 ? granted : [...granted, { name: 'DELETE', granted: found[0]!['DELETE'] === 'true' }]
}
