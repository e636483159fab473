import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { classify } from '../../../src/drivers/sqlite/classify.ts'

const classifying = suite('errors of SQLite')

/** Extended code, name and reason; a primary code stands for the kinds of it that are not listed. */
const RESULTS: readonly (readonly [number, string, string])[] = [
  [1, 'SQLITE_ERROR', 'syntax'],
  [5, 'SQLITE_BUSY', 'lock_timeout'],
  [517, 'SQLITE_BUSY_SNAPSHOT', 'lock_timeout'],
  [6, 'SQLITE_LOCKED', 'lock_timeout'],
  [8, 'SQLITE_READONLY', 'read_only'],
  [1032, 'SQLITE_READONLY_DBMOVED', 'read_only'],
  [10, 'SQLITE_IOERR', 'io'],
  [1034, 'SQLITE_IOERR_FSYNC', 'io'],
  [13, 'SQLITE_FULL', 'out_of_space'],
  [18, 'SQLITE_TOOBIG', 'invalid_data'],
  [275, 'SQLITE_CONSTRAINT_CHECK', 'constraint'],
  [787, 'SQLITE_CONSTRAINT_FOREIGNKEY', 'constraint'],
  [1299, 'SQLITE_CONSTRAINT_NOTNULL', 'constraint'],
  [1555, 'SQLITE_CONSTRAINT_PRIMARYKEY', 'duplicate_key'],
  [2067, 'SQLITE_CONSTRAINT_UNIQUE', 'duplicate_key'],
  [3091, 'SQLITE_CONSTRAINT_DATATYPE', 'invalid_data'],
  [20, 'SQLITE_MISMATCH', 'invalid_data'],
  [23, 'SQLITE_AUTH', 'permission'],
  [26, 'SQLITE_NOTADB', 'non_retryable'],
]

for (const [code, name, reason] of RESULTS) {
  classifying(`${name} is ${reason}, from every client`, () => {
    const clients = [{ code: name }, { code: 'ERR_SQLITE_ERROR', errcode: code }, { code: name, rawCode: code }]
    for (const fields of clients) {
      const found = classify(Object.assign(new Error('on purpose'), fields))
      assert.is(found?.reason, reason)
      assert.match(found?.code ?? '', /^SQLITE_[A-Z]+/)
    }
  })
}

classifying('a database that is closed, or busy with a transaction of somebody else', () => {
  assert.is(classify(new TypeError('The database connection is not open'))?.reason, 'non_retryable')
  assert.is(classify(new Error('database is not open'))?.reason, 'non_retryable')
  assert.is(classify(new Error('database is not open'))?.detail, 'the database was closed before flow.close()')
  const nested = Object.assign(new Error('cannot start a transaction within a transaction'), { code: 'SQLITE_ERROR' })
  assert.is(classify(nested)?.reason, 'lock_timeout')
})

classifying('what is not known is left to others', () => {
  for (const thrown of [new Error('something else'), 'text', undefined, { errcode: 5 }])
    assert.is(classify(thrown), undefined)
})

classifying.run()
