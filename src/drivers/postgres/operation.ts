import type { BatchInput, Operation } from '../../contract/driver.ts'
import type { Form } from './form.ts'
import type { Payload } from './payload.ts'

/** A batch encoded for PostgreSQL. */
export class PostgresOperation implements Operation {
  /** @internal */
  readonly batch: BatchInput
  /** @internal */
  readonly form: Form
  /** @internal */
  readonly payload: Payload

  constructor(batch: BatchInput, form: Form, payload: Payload) {
    this.batch = batch
    this.form = form
    this.payload = payload
  }

  get name(): 'COPY' | 'INSERT' {
    return this.payload.name
  }

  get text(): string {
    return this.payload.text
  }

  get byteLength(): number {
    return this.payload.byteLength
  }

  release(): void {
    this.payload.drop()
  }
}
