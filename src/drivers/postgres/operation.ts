import type { BatchInput, Operation, RowFailure } from '../../contract/driver.ts'
import { failuresOf, type Sieved } from '../kit/sieve.ts'
import type { Form } from './form.ts'
import type { Payload } from './payload.ts'

/** A batch encoded for PostgreSQL. */
export class PostgresOperation implements Operation {
  /** @internal The rows that could be encoded. */
  readonly batch: BatchInput
  /** @internal */
  readonly form: Form
  /** @internal */
  readonly payload: Payload
  readonly #sieved: Sieved | undefined

  constructor(batch: BatchInput, form: Form, payload: Payload, sieved?: Sieved) {
    this.batch = batch
    this.form = form
    this.payload = payload
    this.#sieved = sieved
  }

  get name(): Payload['name'] {
    return this.payload.name
  }

  get text(): string {
    return this.payload.text
  }

  /** What failed, by the places of the batch that was planned, those that could not be encoded included. @internal */
  failures(refused: readonly RowFailure[] = []): readonly RowFailure[] {
    return this.#sieved === undefined ? refused : failuresOf(this.#sieved, refused)
  }

  /** The place of a row of `batch` in the batch that was planned. @internal */
  placeOf(index: number): number {
    return this.#sieved?.places[index] ?? index
  }

  get byteLength(): number {
    return this.payload.byteLength
  }

  release(): void {
    this.payload.drop()
  }
}
