import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../../src/contract/table.ts'
import type { ServerError } from '../../../src/drivers/postgres/client.ts'
import { rowIndexOf } from '../../../src/drivers/postgres/row-index.ts'

const finding = suite('the row a COPY fails at')

function index(where: string | undefined, code = '22P02', name = 'app.users'): number | undefined {
  const error = Object.assign(new Error('x'), { code, severity: 'ERROR', ...(where === undefined ? {} : { where }) })
  const table = defineTable<{ id: number }>(name, { columns: ['id'] })
  return rowIndexOf(error satisfies ServerError, { table, columns: table.columns, rows: [{}, {}, {}, {}, {}] })
}

finding('by its line, with or without the column', () => {
  assert.is(index('COPY users, line 3, column id: "x"'), 2)
  assert.is(index('COPY users, line 1'), 0)
  assert.is(index('COPY users, line 5: "1\ta"', '23505'), 4)
})

finding('below the context of a trigger', () => {
  assert.is(index('PL/pgSQL function check_user() line 3 at RAISE\nCOPY users, line 2', 'P0001'), 1)
})

finding('not when it is out of range, missing or of another table', () => {
  for (const where of [undefined, '', 'COPY users, line 6', 'COPY users, line 0', 'COPY users', 'COPY other, line 1']) {
    assert.is(index(where), undefined, where)
  }
})

finding('not when a value or a nested COPY looks like it', () => {
  assert.is(index('COPY users, line 3, column id: "\nCOPY users, line 1"'), undefined)
  assert.is(index('COPY users, line 1\nSQL statement "COPY users"\nCOPY users, line 3'), undefined)
})

finding('whatever the table is called', () => {
  assert.is(index('COPY a, line 2, line 4', '22P02', '"a, line 2"'), 3)
  assert.is(index('COPY a\nCOPY a, line 4', '22P02', '"a\nCOPY a"'), 3)
  assert.is(index('COPY $1.*, line 4', '22P02', '"$1.*"'), 3)
})

finding('only for errors of data: a row too big is noticed when later ones have been read', () => {
  assert.is(index('COPY users, line 3', '54000'), undefined)
  assert.is(index('COPY users, line 3', '57014'), undefined)
})

finding.run()
