import type { BatchInput, Driver } from '../contract/driver.ts'
import { TableCheckError } from '../contract/errors.ts'
import { inColumns, type Table } from '../contract/table.ts'
import type { ColumnFacts, Finding, RightFacts, TableFacts } from '../contract/table-facts.ts'
import { counted } from '../support/text.ts'
import { judge } from './classify.ts'

/**
 * Asks once, and says all that is wrong at once.
 *
 * @throws {TableCheckError} and what the driver throws where another time it may go well
 */
export async function check(driver: Driver, table: Table, signal: AbortSignal): Promise<readonly Finding[]> {
  const findings = [...(await inspected(driver, table, signal))]
  // What is wrong with the table would be said again, less clearly.
  if (isFit(findings)) findings.push(...(await passages(driver, table, signal)))
  if (!isFit(findings)) throw new TableCheckError(table.name, findings)
  return findings
}

function isFit(findings: readonly Finding[]): boolean {
  return findings.every(({ ok }) => ok !== false)
}

async function inspected(driver: Driver, table: Table, signal: AbortSignal): Promise<readonly Finding[]> {
  if (driver.inspect === undefined) {
    return [{ about: 'table', ok: undefined, text: `what the table is like, the ${driver.name} driver cannot tell` }]
  }
  try {
    const asked = inColumns(table)
    const facts = await driver.inspect(asked, { signal })
    return facts === undefined ? [missing(table)] : judged(asked, facts)
  } catch (error) {
    return [{ about: 'table', ok: false, text: `the table cannot be looked at: ${refusalIn(driver, error)}` }]
  }
}

function missing({ name }: Table): Finding {
  const remedy = 'create it, or look at the schema in its name and at which database the client is connected to'
  return { about: 'table', ok: false, text: `there is no table ${name}`, remedy }
}

async function passages(driver: Driver, table: Table, signal: AbortSignal): Promise<readonly Finding[]> {
  const { columns, deletes } = table
  const rows = await passage(driver, { table, columns }, signal)
  if (deletes === undefined) return [rows]
  if (driver.deletes === true)
    return [rows, await passage(driver, { table, columns: deletes, deletions: true }, signal)]
  const text = `the ${driver.name} driver carries out no deletions`
  return [rows, { about: 'statement', ok: false, text, remedy: 'take deletes out of the definition of the table' }]
}

/** The best witness, where there is one: a batch without rows. */
async function passage(driver: Driver, batch: Omit<BatchInput, 'rows'>, signal: AbortSignal): Promise<Finding> {
  const what = batch.deletions ? 'a deletion of no row' : 'a batch without rows'
  if (driver.probe === undefined) {
    return { about: 'statement', ok: undefined, text: `${what} cannot be tried here` }
  }
  try {
    await driver.probe(batch, { signal })
    return { about: 'statement', ok: true, text: `${what} goes through` }
  } catch (error) {
    const text = `${what} does not go through: ${refusalIn(driver, error)}`
    return { about: 'statement', ok: false, text }
  }
}

/** @throws {unknown} the error itself, where it says nothing of the table */
function refusalIn(driver: Driver, error: unknown): string {
  const { cause, retryable, reason } = judge(error, undefined, driver)
  if ((retryable && reason !== 'read_only') || reason === 'context') throw error
  return cause instanceof Error ? cause.message : String(cause)
}

function judged(table: Table, facts: TableFacts): readonly Finding[] {
  const { columns, unique, rights = [], findings = [], caseless = false } = facts
  const fold = caseless ? (name: string) => name.toLowerCase() : (name: string) => name
  return [
    ...findings,
    ...(columns === undefined ? [] : columnsIn(table, columns, fold)),
    ...(columns === undefined || table.keys.length === 0 ? [] : [uniqueness(table, unique, fold)]),
    ...rights.map(right),
  ]
}

type Fold = (name: string) => string

function columnsIn({ columns, name }: Table, found: readonly ColumnFacts[], fold: Fold): readonly Finding[] {
  const known = new Map(found.map((column) => [fold(column.name), column]))
  const written = new Set(columns.map(fold))
  const problems: Finding[] = []
  const say = (text: string, remedy: string) => problems.push({ about: 'column', ok: false, text, remedy })
  for (const column of columns) {
    const facts = known.get(fold(column))
    if (facts === undefined) {
      say(`there is no column ${column}`, `add it, or correct its name: ${name} has ${listOf(found)}`)
    } else if (facts.generated) say(`the database alone writes column ${column}`, 'take it out of columns')
  }
  for (const { name, required } of found) {
    if (required !== true || written.has(fold(name))) continue
    say(`column ${name} is NOT NULL, without a default, and not written`, 'add it to columns, or give it a default')
  }
  if (problems.length > 0) return problems
  return [{ about: 'column', ok: true, text: `all of ${counted(columns.length, 'column')}` }]
}

function listOf(found: readonly ColumnFacts[]): string {
  return found.map(({ name }) => name).join(', ')
}

/** Conflict keys need a unique index over just them. */
function uniqueness({ keys, action }: Table, unique: TableFacts['unique'], fold: Fold): Finding {
  const list = keys.join(', ')
  if (unique === undefined) {
    return { about: 'index', ok: undefined, text: `whether ${list} is unique could not be told` }
  }
  const setOf = (columns: readonly string[]) => JSON.stringify(columns.map(fold).sort())
  const wanted = setOf(keys)
  if (unique.some((columns) => setOf(columns) === wanted)) {
    return { about: 'index', ok: true, text: `a unique index over ${list}` }
  }
  // A clause of one's own may go by an index over an expression, or with a condition; the statement will tell.
  if (action === 'sql') return { about: 'index', ok: undefined, text: `no unique index over just ${list}` }
  const remedy = 'onConflict.keys need one over just these columns, without a condition: create it, or name other keys'
  return { about: 'index', ok: false, text: `there is no unique index over ${list}`, remedy }
}

function right({ name, granted }: RightFacts): Finding {
  if (granted === true) return { about: 'right', ok: true, text: `the right to ${name}` }
  if (granted === undefined) {
    return { about: 'right', ok: undefined, text: `whether there is the right to ${name} could not be told` }
  }
  return { about: 'right', ok: false, text: `the right to ${name} is missing`, remedy: 'grant it to this user' }
}
