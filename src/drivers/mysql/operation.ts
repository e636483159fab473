import type { Operation } from '../../contract/driver.ts'
import type { Sieved } from '../kit/sieve.ts'
import type { Chunk } from './chunks.ts'
import type { Form } from './form.ts'

/** A batch encoded for MySQL, in one statement or several. */
export class MysqlOperation implements Operation {
  readonly name: string
  /** With the parameters of one row. */
  readonly text: string
  /** @internal */
  readonly form: Form
  /** @internal */
  readonly chunks: readonly Chunk[]
  /** Where rows could not be encoded. @internal */
  readonly sieved: Sieved | undefined

  constructor(form: Form, chunks: readonly Chunk[], sieved?: Sieved) {
    this.name = form.name
    this.text = form.sql(1)
    this.form = form
    this.chunks = chunks
    this.sieved = sieved
  }
}
