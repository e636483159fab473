import { defineTable, type Finding, type OnConflict, TableCheckError } from 'batchflow-otel'
import { columnsOf, type Database } from './databases/database.ts'
import { openDatabase } from './databases/open.ts'
import { EXIT, type ExitCode, usage } from './errors.ts'

type AnyRow = Record<string, unknown>

export interface CheckOptions {
  readonly to: string
  readonly table: string
  readonly columns?: readonly string[] | undefined
  readonly conflict: OnConflict<AnyRow>
  /** Rows are to be deleted, too. */
  readonly deletes: boolean
}

/** Looks whether rows could be written to a table, and says what is in the way. Writes nothing. */
export async function check(options: CheckOptions): Promise<ExitCode> {
  if (options.deletes && !('keys' in options.conflict))
    throw usage('--deletes needs --on-conflict with keys, as in update:id')
  const database = await openDatabase({ url: options.to, connections: 1 })
  try {
    console.log(`${database.label} can be reached`)
    return told(await findingsOf(database, options))
  } finally {
    await database.close()
  }
}

/** Where no columns are named, of all that the table has. */
async function findingsOf(database: Database, { table: name, columns, conflict, deletes }: CheckOptions) {
  const spoken = spokenOf(conflict)
  const named = columns ?? (spoken.length > 0 ? spoken : ['_'])
  const tableOf = (columns: readonly string[]) => defineTable<AnyRow>(name, { columns, onConflict: conflict, deletes })
  const table = tableOf(named)
  const found = await columnsOf(database, table)
  if (Array.isArray(found)) for (const { name, type } of found) console.log(`  ${name}: ${type}`)
  const all = Array.isArray(found) ? [...new Set([...found.map(({ name }) => name), ...spoken])] : named
  return database.executor.check(columns === undefined ? tableOf(all) : table).catch((error: unknown) => {
    if (error instanceof TableCheckError) return error.findings
    throw error
  })
}

/** The columns that a conflict action speaks of. */
function spokenOf(conflict: CheckOptions['conflict']): readonly string[] {
  const keys = 'keys' in conflict ? (conflict.keys ?? []) : []
  return 'newer' in conflict && conflict.newer !== undefined ? [...keys, conflict.newer] : keys
}

function told(findings: readonly Finding[]): ExitCode {
  for (const { ok, text, remedy } of findings) {
    console.log(`${markOf(ok)} ${text}${ok === false && remedy !== undefined ? `: ${remedy}` : ''}`)
  }
  return findings.every(({ ok }) => ok !== false) ? EXIT.ok : EXIT.rows
}

function markOf(ok: Finding['ok']): string {
  if (ok === undefined) return '?  '
  return ok ? 'ok ' : 'BAD'
}
