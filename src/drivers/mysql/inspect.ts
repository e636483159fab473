import type { Table } from '../../contract/table.ts'
import type { RightFacts, TableFacts } from '../../contract/table-facts.ts'
import { answerTo } from '../kit/lease.ts'
import type { Lease } from './connection.ts'
import { placeOf, uniqueIndexes } from './keys.ts'

/** MariaDB says NULL of columns that are not generated, MySQL an empty text. */
const COLUMNS = `
SELECT c.column_name, c.column_type, COALESCE(c.generation_expression, '') <> '',
  c.is_nullable = 'NO' AND c.column_default IS NULL AND c.extra NOT LIKE '%auto_increment%'
    AND c.extra NOT LIKE '%DEFAULT_GENERATED%' AND NOT EXISTS (SELECT 1 FROM information_schema.triggers t
      WHERE t.event_object_schema = c.table_schema AND t.event_object_table = c.table_name
      AND t.action_timing = 'BEFORE' AND t.event_manipulation = 'INSERT'),
  c.table_schema
FROM information_schema.columns c
WHERE c.table_schema = COALESCE(?, DATABASE()) AND c.table_name = ? ORDER BY c.ordinal_position`

type Answer = readonly (readonly unknown[])[]

export async function inspectTable(lease: Lease, table: Table, signal: AbortSignal): Promise<TableFacts | undefined> {
  const ask = async (sql: string, values: readonly unknown[] = []): Promise<Answer> =>
    (await answerTo(lease, lease.connection.query({ sql, values, rowsAsArray: true }), signal))[0] as Answer
  const columns = await ask(COLUMNS, placeOf(table))
  if (columns.length === 0) return undefined
  const grants = await ask('SHOW GRANTS')
  return {
    columns: columns.map(([name, type, generated, required]) => ({
      name: String(name),
      type: String(type),
      generated: Number(generated) === 1,
      required: Number(required) === 1,
    })),
    caseless: true,
    unique: await uniqueIndexes(lease, table, signal),
    rights: rightsIn(grants, String(columns[0]![4]), table),
  }
}

/**
 * What a grant names is granted. What none names may still be, by a role, a pattern or for single columns, so it is never said to
 * be missing: the batch without rows tells that.
 */
function rightsIn(grants: Answer, database: string, table: Table): readonly RightFacts[] {
  const places = ['*.*', `\`${database}\`.*`, `\`${database}\`.\`${table.path.at(-1)}\``]
  const granted = grants.flatMap(([text]) => {
    const [, rights = '', place = ''] = /^GRANT (.+) ON (.+?) TO /.exec(String(text)) ?? []
    return places.includes(place) ? rights.split(', ') : []
  })
  const isThere = (name: string) => granted.includes(name) || granted.includes('ALL PRIVILEGES')
  const needed = table.action === 'error' ? ['INSERT'] : ['INSERT', 'UPDATE', 'SELECT']
  if (table.deletes !== undefined) needed.push('DELETE')
  return needed.map((name) => ({ name, granted: isThere(name) || undefined }))
}
