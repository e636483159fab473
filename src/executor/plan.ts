import { type AttemptContext, AttemptError, type Driver, type Operation } from '../contract/driver.ts'
import { OptionError } from '../support/batchflow-error.ts'
import type { Part } from './part.ts'

/** What `driver` makes of a part. A driver that knows of no deletions would write them as rows. */
export function plan(driver: Driver, part: Part, attempt: AttemptContext): Operation | Promise<Operation> {
  if (part.deletions && driver.deletes !== true) {
    throw new AttemptError(new OptionError(`the ${driver.name} driver carries out no deletions`), { fault: 'place' })
  }
  return driver.plan(part, attempt)
}
