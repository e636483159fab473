import { brand } from '../support/brand.ts'
import type { Companion, Companions } from './companion.ts'
import type { Classification } from './reasons.ts'
import type { Row, Table } from './table.ts'
import type { TableFacts } from './table-facts.ts'

/** The rows of one batch as a driver gets them. */
export interface BatchInput {
  readonly table: Table
  /**
   * The columns to write: `table.columns`, or for `update`, and where absent ones take their DEFAULT, those that are present in
   * every row of this batch. A `replace` sets the others to their DEFAULT. The array
   * is the same object for every batch of this shape, so a driver can keep what it derives from it in a `WeakMap`.
   */
  readonly columns: readonly string[]
  /** Never empty. No two rows share a conflict key unless a key column holds NULL. */
  readonly rows: readonly Row[]
  /**
   * The rows are to be deleted: `columns` are the table's `deletes`, no value is NULL, and a row that is newer than `table.newer` of
   * its deletion stays, as does one that is not there. Only for a driver that {@link Driver.deletes}. @default false
   */
  readonly deletions?: boolean | undefined
}

/** What one batch does to the database, ready to run and, for a retry, to run again. */
export interface Operation {
  /** The operation in the words of the database conventions: `INSERT`, `COPY`, `PIPELINE HSET`. */
  readonly name: string
  /** The constant text (SQL, or the command names) without any value of a row. */
  readonly text: string
  /** Bytes that are sent, where the driver knows: the flow learns from them how many rows make up its `flushBytes`. */
  readonly byteLength?: number | undefined
  /** Operations sent as one, where the protocol knows that (a pipeline); a multi-row INSERT is one operation. */
  readonly batchSize?: number | undefined
  /** Gives memory back; called once, when the batch needs the operation no more. */
  release?(): void
}

export interface DriverTarget {
  /** The database, or its number. */
  readonly namespace?: string | undefined
  readonly address?: string | undefined
  readonly port?: number | undefined
}

export interface AttemptContext {
  /** Aborted on timeout or when the flow is aborted. The driver stops what runs on the server and settles soon. */
  readonly signal: AbortSignal
  /**
   * Bad rows may be left out, so that the others are committed by this very attempt. Otherwise a batch with a bad row has to
   * fail whole; the executor may split it.
   */
  readonly isolate?: boolean
  /**
   * To be called, once and with the rows committed, with how many of them changed nothing because the row they met was not
   * older. Only for a table with `newer`, and not for deletions.
   */
  readonly superseded?: ((rows: number) => void) | undefined
  /** Has to be committed with the operation, or neither. Only where the driver has {@link Driver.companions}. */
  readonly companion?: Companion | undefined
}

/** One row that failed while others of its batch were committed. `index` is its place in `BatchInput.rows`. */
export interface RowFailure {
  readonly index: number
  readonly error: unknown
}

/**
 * The boundary to a database. It knows nothing of lanes, retries or metrics: it turns rows into an operation and runs
 * it. One driver serves many batches at once.
 */
export interface Driver<Op extends Operation = Operation> {
  /** Default of the `database` attribute: `postgres`, `mysql`, `sqlite`, `redis`. */
  readonly name: string
  /** Address of the database, as far as the client tells; for spans. */
  readonly target?: DriverTarget | undefined
  /** It carries out batches of deletions. @default false */
  readonly deletes?: boolean
  /** Batches that can reach the database at once: the connections that the client opens at most, where it tells. */
  readonly connections?: number | undefined
  /** What can be committed together with a batch; absent where the database has no transactions for it. */
  readonly companions?: Companions | undefined
  /** Builds the operation, encoding included. May throw an {@link AttemptError} with `rowIndex` for a bad value. */
  plan(batch: BatchInput, attempt: AttemptContext): Op | Promise<Op>
  /**
   * Carries the operation out, once. Resolves with nothing when every row is committed, or with the rows that are not.
   * Rejects when no row is committed, or with an {@link AttemptError} whose `ambiguous` is true when that is unknown.
   */
  run(operation: Op, attempt: AttemptContext): Promise<readonly RowFailure[] | undefined>
  /**
   * Recognises this database's errors, by structured code first. Never called with an `AttemptError`. Without it, and for
   * what it does not know, errors are recognised by Node's codes and common texts.
   */
  classify?(error: unknown): Classification | undefined
  /**
   * Does what a batch of these columns would do, but with no row. Asked where an error does not tell whose fault it is: when
   * it resolves, the fault lies in the rows, else in the place. Absent where that cannot be done.
   */
  probe?(batch: Omit<BatchInput, 'rows'>, attempt: AttemptContext): Promise<void>
  /**
   * Asks the database for a sign of life, the way a batch would reach it. Asked while no batch can be written; without it
   * a batch is tried instead.
   */
  ping?(attempt: AttemptContext): Promise<void>
  /**
   * Looks at what a table is like, for `executor.check`, and writes nothing. `undefined`: there is no such table. Without it a
   * check asks by `probe` alone.
   */
  inspect?(table: Table, attempt: AttemptContext): Promise<TableFacts | undefined>
}

/** A driver as those see it who make one for `createExecutor`. @throws {OptionError} from its constructor */
export type DriverClass<Client, Options> = new (client: Client, options?: Options) => Driver

/**
 * Ends the session in which an attempt was given up, and resolves once the server has it no more: nothing that was sent to
 * it takes effect from then on. Rejects while that cannot be told; it is then called again.
 */
export type Fence = (signal: AbortSignal) => Promise<void>

export interface AttemptErrorDetails {
  /** The statement may have been carried out nevertheless. @default false */
  readonly ambiguous?: boolean
  /** The one row at fault, where the database names it; no row of the operation was committed. */
  readonly rowIndex?: number | undefined
  /** Whose fault it is, where the driver has found out although the error itself does not tell. */
  readonly fault?: 'row' | 'place' | undefined
  /** The operation was built on outdated knowledge (the table was altered): planned anew it may succeed. @default false */
  readonly stale?: boolean
  /** What makes sure that the attempt takes no effect later. Only where its session may still be alive on the server. */
  readonly fence?: Fence | undefined
  /** No connection was to be had, so nothing was sent. @default false */
  readonly unreachable?: boolean
  /**
   * Only where the attempt is ambiguous: should it have been carried out, these rows were left out of it. Said, with none if
   * there are none, whenever the driver knows.
   */
  readonly refused?: readonly RowFailure[] | undefined
}

/** What a driver knows about a failed attempt beyond what the client threw, which is kept as `cause`. */
export class AttemptError extends Error {
  static {
    brand(AttemptError, 'attempt-error')
  }

  /** True when the statement may have been carried out nevertheless. */
  readonly ambiguous: boolean
  /** The one row at fault, where the database names it; no row of the operation was committed. */
  readonly rowIndex: number | undefined
  /** Whose fault it is, where the driver has found out although the error itself does not tell. */
  readonly fault: 'row' | 'place' | undefined
  /** The operation was built on outdated knowledge (the table was altered): planned anew it may succeed. */
  readonly stale: boolean
  readonly fence: Fence | undefined
  /** No connection was to be had, so nothing was sent. */
  readonly unreachable: boolean
  /** Should the attempt have been carried out, these rows were left out of it; `undefined` where that is not known. */
  readonly refused: readonly RowFailure[] | undefined

  constructor(cause: unknown, details: AttemptErrorDetails) {
    super('attempt failed', { cause })
    this.name = 'AttemptError'
    this.ambiguous = details.ambiguous ?? false
    this.rowIndex = details.rowIndex
    this.fault = details.fault ?? (details.rowIndex === undefined ? undefined : 'row')
    this.stale = details.stale ?? false
    this.fence = details.fence
    this.unreachable = details.unreachable ?? false
    this.refused = details.refused
  }

  /** The same failure, of which some things are known better. */
  restated(details: AttemptErrorDetails): AttemptError {
    const { ambiguous, rowIndex, fault, stale, fence, unreachable, refused } = this
    const known = { ambiguous, rowIndex, fault, stale, fence, unreachable, refused }
    return new AttemptError(this.cause, { ...known, ...details })
  }
}
