import type { Database } from './databases/database.ts'
import { EXIT, type ExitCode, messageOf } from './errors.ts'
import type { Input } from './input/entry.ts'
import type { Output } from './output.ts'
import type { Plan } from './plan.ts'

interface DryRun {
  readonly plan: Plan
  readonly database: Database
  readonly sample: readonly Readonly<Record<string, unknown>>[]
  readonly input: Input
  readonly output: Output
}

/** Shows what a load would do; nothing is written. */
export async function dryRun({ plan, database, sample, input, output }: DryRun): Promise<ExitCode> {
  const { table, columns, create } = plan
  console.log(`${input.name} → ${table.name} of ${database.label}`)
  for (const { name, kind, type } of columns) console.log(`  ${name}: ${type === '' ? kind : type}`)
  if (create !== undefined) {
    console.log(`\n${create}`)
    output.say('the statement that writes is known once the table is there')
    return EXIT.ok
  }
  const first = sample[0]
  if (first === undefined) return EXIT.ok
  try {
    const row = plan.toRow(first)
    const { operations } = await database.executor.preview(table as never, [row] as never[])
    for (const { text } of operations) console.log(`\n${text}`)
    return EXIT.ok
  } catch (error) {
    output.complain(messageOf(error))
    return EXIT.rows
  }
}
