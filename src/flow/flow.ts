import type { Writable } from 'node:stream'
import type { Change, DeletionKey } from '../contract/deletion.ts'
import type { Row, Table } from '../contract/table.ts'
import type { Receipt } from '../lanes/waiter.ts'
import type { CloseOptions } from './lifecycle.ts'
import type { CloseSummary } from './outcomes.ts'
import type { Rows } from './row-source.ts'
import type { FlowStats } from './stats.ts'

export interface SubmitOptions {
  /** Ends the wait. A row that was accepted before stays accepted and will be settled. */
  readonly signal?: AbortSignal | undefined
}

/** What a service needs of a flow: `BatchFlow` is one. Type parameters and fields with it, so that a test can bring another. */
export interface Flow extends AsyncDisposable {
  submit<R extends Row>(table: Table<R>, row: Change<NoInfer<R>>, options?: SubmitOptions): Promise<void>
  write<R extends Row>(table: Table<R>, row: Change<NoInfer<R>>, options?: SubmitOptions): Promise<Receipt>
  trySubmit<R extends Row>(table: Table<R>, row: Change<NoInfer<R>>): boolean
  submitMany<R extends Row>(table: Table<R>, rows: Rows<Change<NoInfer<R>>>, options?: SubmitOptions): Promise<void>
  writeMany<R extends Row>(
    table: Table<R>,
    rows: Rows<Change<NoInfer<R>>>,
    options?: SubmitOptions,
  ): Promise<PromiseSettledResult<Receipt>[]>
  delete<R extends Row, K extends string>(
    table: Table<R, K>,
    key: DeletionKey<NoInfer<R>, NoInfer<K>>,
    options?: SubmitOptions,
  ): Promise<Receipt>
  deleteMany<R extends Row, K extends string>(
    table: Table<R, K>,
    keys: Rows<DeletionKey<NoInfer<R>, NoInfer<K>>>,
    options?: SubmitOptions,
  ): Promise<PromiseSettledResult<Receipt>[]>
  writable<R extends Row>(table: Table<R>): Writable
  flush(): Promise<void>
  stats(): FlowStats
  close(options?: CloseOptions): Promise<CloseSummary>
}
