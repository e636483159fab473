import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../../src/contract/driver.ts'
import { type Cursor, EncodeError, pinned } from '../../../src/drivers/kit/encode-error.ts'
import { thrownBy } from '../../support/assertions.ts'

const pinning = suite('pinning a failure to its row')

async function failure(encode: (cursor: Cursor) => unknown): Promise<AttemptError> {
  const error = await thrownBy(() => pinned(['id', 'na"me'], encode))
  assert.ok(error instanceof AttemptError)
  return error
}

pinning('what is returned comes back', () => {
  assert.is(
    pinned(['id'], (cursor) => ++cursor.row),
    1,
  )
})

pinning('what is thrown belongs to the row and column the cursor stands at', async () => {
  const thrown = new EncodeError('too long')
  const error = await failure((cursor) => {
    cursor.row = 7
    cursor.column = 1
    throw thrown
  })
  assert.equal([error.rowIndex, error.ambiguous], [7, false])
  assert.ok(error.cause instanceof EncodeError)
  assert.is(error.cause.message, 'value of column "na\\"me" cannot be encoded: too long')
  assert.is(error.cause.cause, thrown)
})

pinning("what a row's own code throws is not repeated: it may speak of values", async () => {
  const error = await failure(() => {
    throw new TypeError('secret')
  })
  assert.is((error.cause as Error).message, 'value of column "id" cannot be encoded: see cause')
})

pinning('what names its row already is left alone', async () => {
  const thrown = new AttemptError(new EncodeError('the row is too large'), { rowIndex: 3 })
  assert.is(
    await failure(() => {
      throw thrown
    }),
    thrown,
  )
})

pinning.run()
