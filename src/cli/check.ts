import { defineTable, type OnConflict } from 'batchflow-otel'
import type { Database, Described, Finding } from './databases/database.ts'
import { openDatabase } from './databases/open.ts'
import { EXIT, type ExitCode, messageOf } from './errors.ts'

export interface CheckOptions {
  readonly to: string
  readonly table: string
  readonly columns?: readonly string[] | undefined
  readonly conflict: OnConflict<Record<string, unknown>>
}

type CheckedTable = ReturnType<typeof defineTable<Record<string, unknown>>>

/** Looks whether rows could be written to a table, and says what is in the way. Writes nothing. */
export async function check(options: CheckOptions): Promise<ExitCode> {
  const database = await openDatabase({ url: options.to, connections: 1 })
  try {
    console.log(`${database.label} can be reached`)
    return await checkTable(database, options)
  } finally {
    await database.close()
  }
}

async function checkTable(database: Database, { table: name, columns, conflict }: CheckOptions): Promise<ExitCode> {
  const path = defineTable<Record<string, unknown>>(name, { columns: ['_'] }).path
  const found = await database.describe(path)
  if (found === undefined) return told([{ ok: false, text: `there is no table ${name}` }])
  if (found === 'any') return told(await database.rights(path, 'keys' in conflict ? conflict.keys : []))
  for (const { name, type } of found.columns) console.log(`  ${name}: ${type}`)
  const all = found.columns.map(({ name }) => name)
  const missing = (columns ?? []).filter((column) => !all.includes(column))
  const findings: Finding[] = missing.map((column) => ({ ok: false, text: `there is no column ${column}` }))
  if (missing.length > 0) return told(findings)
  const table = defineTable<Record<string, unknown>>(name, { columns: columns ?? all, onConflict: conflict })
  findings.push(...uniqueness(table, found), ...(await neededRights(database, table)), await passage(database, table))
  return told(findings)
}

/** Conflict keys need a unique index over just them. */
function uniqueness({ keys }: CheckedTable, { unique }: Described): Finding[] {
  if (keys.length === 0) return []
  const wanted = [...keys].sort().join()
  const ok = unique.some((columns) => [...columns].sort().join() === wanted)
  return [{ ok, text: `${ok ? 'a' : 'there is no'} unique index over ${keys.join(', ')}` }]
}

/** Those that are there, and those that are not and would be used. */
async function neededRights(database: Database, table: CheckedTable): Promise<Finding[]> {
  const changes = table.action === 'update' || table.action === 'replace'
  const used = changes ? ['INSERT', 'UPDATE', 'SELECT'] : ['INSERT']
  const findings = await database.rights(table.path, table.keys)
  return findings.flatMap(({ ok, text }) => {
    if (!/^[A-Z]+$/.test(text)) return [{ ok, text }]
    if (ok !== true && !used.includes(text)) return []
    if (ok === undefined) return [{ ok, text: `whether there is the right to ${text} could not be told` }]
    return [{ ok, text: `the right to ${text}${ok ? '' : ' is missing'}` }]
  })
}

/** The best witness: a batch without rows. */
async function passage({ executor: { driver } }: Database, table: CheckedTable): Promise<Finding> {
  const { signal } = new AbortController()
  try {
    await driver.probe?.({ table: table as never, columns: table.columns }, { signal })
    return { ok: true, text: 'a batch without rows goes through' }
  } catch (error) {
    return { ok: false, text: `a batch without rows does not go through: ${messageOf(causeOf(error))}` }
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error
}

function told(findings: readonly Finding[]): ExitCode {
  for (const { ok, text } of findings) console.log(`${markOf(ok)} ${text}`)
  return findings.every(({ ok }) => ok !== false) ? EXIT.ok : EXIT.rows
}

function markOf(ok: Finding['ok']): string {
  if (ok === undefined) return '?  '
  return ok ? 'ok ' : 'BAD'
}
