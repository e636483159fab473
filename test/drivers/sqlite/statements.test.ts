import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Statements } from '../../../src/drivers/sqlite/statements.ts'

const keeping = suite('prepared statements of SQLite')

keeping('a bounded number is kept, and those used last', () => {
  const prepared: string[] = []
  const prepare = (sql: string) => {
    prepared.push(sql)
    return { run: () => undefined }
  }
  const statements = new Statements({ prepare, exec: () => undefined })
  for (let i = 0; i < 250; i++) {
    statements.get('always')
    statements.get(`once ${i}`)
  }
  assert.is(prepared.length, 251)
  for (let i = 151; i < 250; i++) statements.get(`once ${i}`)
  assert.is(prepared.length, 251)
  statements.get('once 0')
  assert.is(prepared.length, 252)
})

keeping.run()
