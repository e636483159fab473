import type { Reason } from '../contract/reasons.ts'
import { brand } from '../support/brand.ts'

/** What a `MemoryDatabase` fails with: the `cause` of a row's error. */
export class MemoryDatabaseError extends Error {
  static {
    brand(MemoryDatabaseError, 'memory-database-error')
  }

  readonly reason: Reason

  constructor(reason: Reason) {
    super(`the memory database says ${reason}`)
    this.name = 'MemoryDatabaseError'
    this.reason = reason
  }
}
