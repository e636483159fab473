import * as assert from 'uvu/assert'
import type { BatchFlowError, ErrorCode } from '../../src/support/batchflow-error.ts'

type ErrorClass<E> = abstract new (...args: never[]) => E

/** `act` throws or rejects with this class, code and message; returns the error. */
export async function rejectsWith<E extends BatchFlowError>(
  type: ErrorClass<E>,
  code: ErrorCode,
  message: string | RegExp,
  act: () => unknown,
): Promise<E> {
  const error = await thrownBy(act)
  assert.ok(error instanceof type, `expected ${type.name}, received ${error}`)
  assert.is((error as BatchFlowError).code, code)
  if (typeof message === 'string') assert.is((error as BatchFlowError).message, message)
  else assert.match((error as BatchFlowError).message, message)
  return error as E
}

/** What `act` throws or rejects with. */
export async function thrownBy(act: () => unknown): Promise<unknown> {
  try {
    await act()
  } catch (error) {
    return error
  }
  return assert.unreachable('expected an error, and nothing was thrown')
}
