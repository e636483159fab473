import * as assert from 'uvu/assert'
import { TableCheckError } from '../../../../src/contract/errors.ts'
import { defineTable, type Table } from '../../../../src/contract/table.ts'
import { BatchFlow } from '../../../../src/flow/batch-flow.ts'
import type { TestTable } from '../backend.ts'
import { range, reasonsOf, writeAll, writeWell } from '../harness.ts'
import type { Register } from '../register.ts'

interface Visit {
  id: number
  times: number
  seen: string | null
}

const COLUMNS = { id: 'integer', hits: 'integer', 'last "`seen': 'text', locked: 'integer default 0' }
const NAMES = { id: 'id', times: 'hits', seen: 'last "`seen' }
const ADDED =
  "{times} = {old.times} + {new.times}, {seen} = CASE WHEN {table}.locked = 0 THEN {new.seen} ELSE '{{}}' END"

export const ownClause: Register = ({ add, can, backend: { clause } }) => {
  if (clause === undefined) return
  const table = ({ name }: Pick<TestTable, 'name'>, assignments: string) =>
    defineTable<Visit>(name, {
      columns: NAMES,
      onConflict: { action: 'sql', keys: ['id'], sql: `${clause} ${assignments}` },
    }) as Table<Visit>

  add("a clause of one's own: each row meets what its forerunner has left, whatever the batches", async (database) => {
    const made = await database.create({ columns: COLUMNS, key: ['id'] })
    const visits = table(made, ADDED)
    const rows = range(400).map((n): Visit => ({ id: n % 30, times: n, seen: n % 7 === 0 ? null : `at ${n}` }))
    const flow = new BatchFlow(database.executor.withConcurrencyLimit(8), { flushSize: 7, flushInterval: 1 })
    for (const row of rows) await flow.submit(visits, row)
    assert.is((await flow.close()).committed, rows.length)
    const stored = range(30).map((id) => {
      const own = rows.filter((row) => row.id === id)
      return [id, own.reduce((sum, { times }) => sum + times, 0), own.at(-1)!.seen]
    })
    assert.equal(
      (await made.rows()).map((row) => [row['id'], row['hits'], row['last "`seen']]),
      stored,
    )
  })

  add("a clause of one's own: a preview shows it, with names and without values", async (database) => {
    const made = await database.create({ columns: COLUMNS, key: ['id'] })
    const rows = [1, 1].map((id): Visit => ({ id, times: 1_234_567, seen: 'secret' }))
    const { coalesced, operations } = await database.executor.preview(table(made, ADDED), rows)
    assert.equal([coalesced, operations.length], [0, 2])
    const text = operations[0]!.text
    assert.match(text, /"last ""`seen" = CASE|`last "``seen` = CASE/)
    assert.match(text, "ELSE '{}' END")
    assert.not.match(text, /1234567|secret|\{new/)
    assert.is(await made.count(), 0)
  })

  add("a clause of one's own is checked before there are rows", async (database) => {
    const made = await database.create({ columns: COLUMNS, key: ['id'] })
    const findings = await database.executor.check(table(made, ADDED))
    assert.not.ok(findings.some(({ ok }) => ok === false))
    for (const wrong of [
      '{times} = {new.times} +',
      '{times} = {table}.hitz',
      '{times} = no_such_function({new.times})',
    ]) {
      const error = await database.executor.check(table(made, wrong)).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      assert.ok(error instanceof TableCheckError, wrong)
      assert.equal(
        error.problems.map(({ about }) => about),
        ['statement'],
      )
      const failed = await writeAll(database.executor, table(made, wrong), [{ id: 1, times: 1 }], { check: true })
      assert.equal(reasonsOf(failed), { 0: 'schema' })
    }
    assert.is(await made.count(), 0)
  })

  if (!can.checks) return

  add("a clause of one's own: bad rows fail alone, as do those that meet a stranger", async (database) => {
    const columns = { ...COLUMNS, locked: 'integer default 0', 'last "`seen': 'varchar(20) unique' }
    const made = await database.create({ columns, key: ['id'], check: '"hits" < 100' })
    const visits = table(made, '{times} = {old.times} + {new.times}')
    const row = (id: number, times: number, seen = `row ${id}`): Visit => ({ id, times, seen })
    await writeWell(
      database.executor,
      visits,
      range(40).map((id) => row(id, 50)),
    )
    const second = range(40).map((id) => row(id, id % 10 === 3 ? 50 : 1))
    const written = await writeAll(database.executor, visits, [...second, row(50, 1, 'row 7'), row(51, 1)])
    assert.equal(reasonsOf(written), {
      3: 'constraint',
      13: 'constraint',
      23: 'constraint',
      33: 'constraint',
      40: 'duplicate_key',
    })
    assert.equal(
      (await made.rows()).map(({ id, hits }) => [id, hits]),
      [...range(40).map((id) => [id, id % 10 === 3 ? 50 : 51]), [51, 1]],
    )
  })
}
