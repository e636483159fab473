import { type RowFailedDetails, RowFailedError } from '../contract/errors.ts'
import type { Reason } from '../contract/reasons.ts'
import type { Verdict } from './classify.ts'
import type { Part } from './part.ts'

/** Why rows are given up. */
export type Refusal = Pick<Verdict, 'reason' | 'cause'> & Partial<Pick<Verdict, 'code' | 'detail' | 'isolate'>>

const NONE: ReadonlyMap<number, RowFailedError> = new Map()

/** The rows of a batch that are not committed, each with its error. Of most batches there are none. */
export class Failures {
  #byPlace: Map<number, RowFailedError> | undefined
  /** Why the first rows were given up. */
  first: { readonly reason: Reason; readonly code: string | undefined; readonly detail: string | undefined } | undefined
  /** Errors of rows that were given up before it was known that others of the batch succeed. */
  #undecided: Map<RowFailedError, RowFailedDetails> | undefined

  /** The errors by their rows' places in the batch. */
  get byPlace(): ReadonlyMap<number, RowFailedError> {
    return this.#byPlace ?? NONE
  }

  /** How many rows may be written nevertheless. */
  get ambiguous(): number {
    let rows = 0
    for (const { ambiguous } of this.byPlace.values()) if (ambiguous) rows++
    return rows
  }

  add(part: Part, { reason, cause, code, detail, isolate }: Refusal, fault: 'row' | 'place'): void {
    this.first ??= { reason, code, detail }
    const { attempts, ambiguous } = part
    const details = { reason, attempts, cause, databaseCode: code, fault, ambiguous, detail }
    const error = new RowFailedError(part.table.name, details)
    if (fault === 'place' && isolate === undefined && reason !== 'context')
      (this.#undecided ??= new Map()).set(error, details)
    const byPlace = (this.#byPlace ??= new Map())
    for (let i = 0; i < part.rows.length; i++) byPlace.set(part.placeOf(i), error)
  }

  /** Others of the batch were committed after all, so it was not the place that kept these rows out. */
  blameRows(): void {
    for (const [index, error] of this.byPlace) {
      const details = this.#undecided?.get(error)
      if (details !== undefined)
        this.#byPlace?.set(index, new RowFailedError(error.table, { ...details, fault: 'row' }))
    }
  }
}
