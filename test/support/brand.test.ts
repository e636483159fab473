import { createRequire } from 'node:module'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../src/contract/driver.ts'
import * as errors from '../../src/contract/errors.ts'
import { BatchFlowError, OptionError } from '../../src/support/batchflow-error.ts'

const test = suite('instanceof across copies of the package')
const DETAILS = { reason: 'unknown', attempts: 1, cause: undefined, fault: 'row', ambiguous: false } as const
const require = createRequire(import.meta.url)

/** As an application has it that loads the package by import and by require. */
const other = {
  ...(require('../../src/contract/errors.ts') as typeof errors),
  ...(require('../../src/support/batchflow-error.ts') as { OptionError: typeof OptionError }),
  ...(require('../../src/contract/driver.ts') as { AttemptError: typeof AttemptError }),
}

test('each class recognises its own of another copy, and no other', () => {
  assert.is.not(other.OptionError, OptionError, 'the second copy is a copy')
  const ours = [OptionError, ...Object.values(errors)]
  const theirs = [
    new other.OptionError('wrong'),
    new other.InvalidRowError('no row'),
    new other.ClosedError(),
    new other.FullError('users', 1, 1),
    new other.AbortedError('left', 'because'),
    new other.AttemptTimeoutError(5),
    new other.FencedError('a scope'),
    new other.CompanionError('no table'),
    new other.RowFailedError('users', DETAILS),
    new other.AbandonedError(5),
    new other.StreamFailedError('users', 1, undefined),
    new other.TableCheckError('users', []),
  ]
  for (const error of theirs) {
    assert.ok(error instanceof BatchFlowError, error.name)
    assert.equal(
      ours.filter((type) => error instanceof type).map(({ name }) => name),
      [error.name],
    )
  }
  assert.equal(theirs.map(({ name }) => name).sort(), ours.map(({ name }) => name).sort(), 'none is forgotten')
})

test('so it is with what drivers throw', () => {
  assert.ok(new other.AttemptError('gone', {}) instanceof AttemptError)
  assert.not.ok(new other.OptionError('wrong') instanceof AttemptError)
})

test("a subclass of the user's own is told apart as ever", () => {
  class Mine extends errors.RowFailedError {}
  const mine = new Mine('users', DETAILS)
  assert.ok(mine instanceof Mine && mine instanceof errors.RowFailedError && mine instanceof BatchFlowError)
  assert.not.ok(new errors.RowFailedError('users', DETAILS) instanceof Mine)
  for (const value of [null, undefined, 'text', {}, new Error('other')]) assert.not.ok(value instanceof BatchFlowError)
})

test.run()
