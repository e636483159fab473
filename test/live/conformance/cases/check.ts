import * as assert from 'uvu/assert'
import { TableCheckError } from '../../../../src/contract/errors.ts'
import { defineTable, type OnConflict } from '../../../../src/contract/table.ts'
import type { AnyRow, Database } from '../backend.ts'
import { reasonsOf, tableOf, writeAll } from '../harness.ts'
import type { Register } from '../register.ts'

const CONFLICTS: readonly OnConflict<AnyRow>[] = [
  { action: 'error' },
  { action: 'ignore', keys: ['id'] },
  { action: 'update', keys: ['id'], newer: 'n' },
  { action: 'replace', keys: ['id'] },
]

export const check: Register = ({ add, can }) => {
  add('check: a table that fits, whatever is done about conflicts', async (database) => {
    const made = await database.create({ columns: { id: 'integer', name: 'text', n: 'integer' }, key: ['id'] })
    for (const onConflict of CONFLICTS) {
      const findings = await database.executor.check(tableOf(made, onConflict))
      assert.ok(findings.length > 0)
      assert.not.ok(findings.some(({ ok }) => ok === false))
    }
    assert.is(await made.count(), 0)
  })

  if (!can.tables) return

  add('check: all that is wrong is said at once, and a flow fails rows with it', async (database) => {
    const made = await database.create({
      columns: { id: 'integer', name: 'text', needed: 'text NOT NULL' },
      key: ['id'],
    })
    const table = defineTable<AnyRow>(made.name, {
      columns: ['id', 'name', 'nmae'],
      onConflict: { action: 'update', keys: ['name'] },
    })
    const problems = await problemsOf(database, table)
    assert.equal(problems.slice(0, 2), [
      'there is no column nmae',
      'column needed is NOT NULL, without a default, and not written',
    ])
    assert.is(problems.at(-1), 'there is no unique index over name')
    const failed = await writeAll(database.executor, table, [{ id: 1 }, { id: 2 }], { check: true })
    assert.equal(reasonsOf(failed), { 0: 'schema', 1: 'schema' })
    assert.is(await made.count(), 0)
  })

  add('check: columns that have other names than properties', async (database) => {
    const made = await database.create({ columns: { id: 'integer', name: 'text' }, key: ['id'] })
    const table = defineTable<AnyRow>(made.name, {
      columns: { number: 'id', title: 'name' },
      onConflict: { action: 'update', keys: ['number'] },
    })
    const findings = await database.executor.check(table)
    assert.not.ok(findings.some(({ ok }) => ok === false))
  })

  add('check: a table that is not there', async (database) => {
    const table = defineTable<AnyRow>('not_there', { columns: ['id'] })
    assert.equal(await problemsOf(database, table), ['there is no table not_there'])
  })
}

async function problemsOf({ executor }: Database, table: Parameters<typeof executor.check>[0]): Promise<string[]> {
  const error: unknown = await executor.check(table).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof TableCheckError)
  return error.problems.map(({ text }) => text)
}
