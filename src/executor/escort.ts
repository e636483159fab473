import { randomUUID } from 'node:crypto'
import type { Companion } from '../contract/companion.ts'
import { isIdempotent } from '../contract/table.ts'
import type { Batch } from '../lanes/batch.ts'
import type { Clock } from '../support/clock.ts'
import type { AttemptObservers } from './attempt.ts'
import type { Verdict } from './classify.ts'
import type { Executor } from './executor.ts'
import type { Fencing } from './fencing.ts'
import type { Part } from './part.ts'
import { type Finding, Proof } from './proof.ts'
import type { Tokens } from './tokens.ts'

/** What is committed with each part of one batch, and what that proves when the answer to an attempt is lost. */
export class Escort {
  /** Bad rows may be left out. A batch with a companion of its own is committed whole or not at all. */
  readonly isolates: boolean
  readonly #batch: Batch
  readonly #clock: Clock
  readonly #tokens: Tokens | undefined
  readonly #proof: Proof

  constructor(batch: Batch, executor: Executor, clock: Clock, fencing: Fencing) {
    const { driver, settings, tokens } = executor
    this.isolates = settings.isolate && batch.companion === undefined
    this.#batch = batch
    this.#clock = clock
    // What may be written twice nobody has to ask for.
    this.#tokens = batch.companion === undefined && !isIdempotent(batch.table) ? tokens : undefined
    this.#proof = new Proof(driver.companions, fencing)
  }

  /** The parts the batch begins with: the last of them takes effect for all, the others only see that it still can. */
  assign(parts: readonly Part[]): void {
    const { companion } = this.#batch
    for (const part of parts) part.companion = part === parts.at(-1) ? companion : held(companion)
  }

  /** How an attempt at `part` is to be made. The same rows keep their token: the database takes it once. */
  join(part: Part): Pick<AttemptObservers, 'isolate' | 'companion' | 'prepare'> {
    const tokens = part.isIdempotent ? undefined : this.#tokens
    if (tokens !== undefined) part.companion ??= { kind: 'token', token: randomUUID() }
    const prepare = tokens && ((signal: AbortSignal) => tokens.prepare(signal))
    return { isolate: this.isolates, companion: part.companion, prepare }
  }

  /** An attempt was carried out. */
  arrived(): void {
    this.#tokens?.written(this.#clock)
  }

  /** `undefined`: there is nothing to ask. Never rejects. */
  find({ companion, refused }: Part, { ambiguous }: Verdict, metOutage: () => void): Promise<Finding> | undefined {
    if (!ambiguous || companion === undefined) return undefined
    // An attempt that may have left rows out, nobody knows which, proves nothing of any row.
    if (this.isolates && refused === undefined) return Promise.resolve('unknown')
    return this.#proof.of(companion, metOutage)
  }
}

function held(companion: Companion | undefined): Companion | undefined {
  return companion?.kind === 'move' ? { ...companion, value: companion.expected } : undefined
}
