import type { Companions } from '../contract/companion.ts'
import type { Item } from './held-message.ts'
import type { Shared } from './shared.ts'
import type { DeadLetterReason } from './source.ts'

/** What one table's log asks of its partition. */
export interface TableLogHost {
  readonly name: string
  readonly shared: Shared
  readonly companions: Companions
  /** Nothing more is begun. */
  readonly stopping: boolean
  /** The partition is gone: what happens to its rows is of no interest. */
  readonly ended: boolean
  settle(item: Item, outcome: 'committed' | 'dead_lettered' | undefined): void
  putAside(item: Item, why: DeadLetterReason): Promise<boolean>
  /** Something came to its end. */
  check(): void
  /** Resolves when it is time for another try. */
  pause(): Promise<void>
  /** It went well. */
  wentWell(): void
}
