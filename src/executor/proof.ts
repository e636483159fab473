import type { Companion, Companions } from '../contract/companion.ts'
import { FencedError } from '../contract/errors.ts'
import type { Fencing } from './fencing.ts'

/** Whether an operation was carried out whose answer was lost; `unknown` where nobody could be asked in time. */
export type Finding = 'committed' | 'absent' | 'unknown' | FencedError

/** Finds out, by what was to be committed with it, what became of an operation. */
export class Proof {
  readonly #companions: Companions | undefined
  readonly #fencing: Fencing

  constructor(companions: Companions | undefined, fencing: Fencing) {
    this.#companions = companions
    this.#fencing = fencing
  }

  /** Asks for as long as an outage may last. Never rejects. @param metOutage called when the database turns out to be away */
  async of(companion: Companion, metOutage: () => void): Promise<Finding> {
    const companions = this.#companions
    if (companions === undefined) return 'unknown'
    let finding: Finding = 'unknown'
    await this.#fencing.insist(
      async (signal) => {
        finding = await ask(companions, companion, signal)
      },
      'whether a batch was committed cannot be asked yet, so its rows wait',
      metOutage,
    )
    return finding
  }
}

async function ask(companions: Companions, companion: Companion, signal: AbortSignal): Promise<Finding> {
  if (companion.kind === 'token') return (await companions.committed(companion.token, signal)) ? 'committed' : 'absent'
  const { scope, expected, value } = companion
  const position = (await companions.claim([scope], signal)).get(scope)
  if (position === expected) return 'absent' // where nothing was to move, the rows may be written again
  return position === value ? 'committed' : new FencedError(scope)
}
