import type { KnownReason } from '../../../src/contract/reasons.ts'
import type { ConflictAction, Table } from '../../../src/contract/table.ts'
import type { Executor } from '../../../src/executor/executor.ts'

export type AnyRow = Record<string, unknown>

/** A database as the conformance suite sees it. A new backend is one object of this kind, and no new case. */
export interface Backend {
  /** Begins the name of every test. */
  readonly name: string
  readonly can: Capabilities
  /** What each type stores and gives back. */
  readonly types: readonly TypeCase[]
  /** How a conflict clause begins that changes the row of the same `id`, up to what it assigns; absent where there is none. */
  readonly clause?: string
  /** Failures this backend can be brought to, by what happens. */
  readonly faults: Readonly<Record<string, Fault>>
  /** Opens a place of the suite's own, or says which server is missing and resolves with `undefined`. */
  open(): Promise<Database | undefined>
  /** The same on a server that only this test has, to crash and start again. Absent where there is no server. */
  openPrivate?(): Promise<PrivateDatabase | undefined>
}

export interface Capabilities {
  /** What it does about conflicts. */
  readonly actions: readonly ConflictAction[]
  /** A plain insert of a key that is there fails; otherwise it overwrites or appends. */
  readonly refusesDuplicates: boolean
  /** NULL may be part of a conflict key, and then conflicts with nothing. */
  readonly nullKeys: boolean
  /** `create` can be given a CHECK. */
  readonly checks: boolean
  /** A batch is committed as a whole or not at all. */
  readonly wholeBatches: boolean
  /** What an abort finds running can be ended on the server. */
  readonly cancels: boolean
  /** Tables have columns and indexes that are made ahead of rows. */
  readonly tables: boolean
  /** Columns of the widest table. */
  readonly mostColumns: number
}

/** `values`: what is written, and what is read again when that is something else. */
export interface TypeCase {
  /** As in a definition of a table. */
  readonly type: string
  readonly values: readonly (unknown | { readonly written: unknown; readonly read: unknown })[]
  /** Each of them fails as `invalid_data`. */
  readonly refused?: readonly unknown[]
}

export interface Database {
  /** Without a limit, retries or a time limit: the cases add what they need. */
  readonly executor: Executor
  /** Makes a table under a name nobody else has. */
  create(definition: Definition): Promise<TestTable>
  /** Writes one row by the client alone: with the statement that a preview shows, or with commands written by hand. */
  writeOne(table: Table, row: AnyRow): Promise<void>
  /**
   * Keeps everybody else from writing to the table, so that a batch stays where it is. Absent where nothing can wait.
   */
  hold?(table: TestTable): Promise<Hold>
  /** An executor with tables of its own, made by nobody yet, for what is committed together with a batch. */
  companions?(name: string): Executor
  /** Drops what was made and ends the clients. */
  close(): Promise<void>
}

export interface PrivateDatabase extends Database {
  crash(): Promise<void>
  start(): Promise<void>
}

export interface Definition {
  /**
   * By name: `integer`, `text` (some hundred characters, fit for a key), `long` (some megabytes), `bytes` (the same), or
   * whatever the backend calls a type.
   */
  readonly columns: Readonly<Record<string, string>>
  /** Unique together. @default none */
  readonly key?: readonly string[]
  /** The key may hold NULL. */
  readonly nullableKey?: boolean
  /** A condition on a row in plain SQL, with double-quoted column names: `"amount" >= 0`. */
  readonly check?: string
  /** Begins the name. @default 't' */
  readonly prefix?: string
}

export interface TestTable {
  /** As `defineTable` takes it. */
  readonly name: string
  readonly columns: readonly string[]
  /** All rows, in the order of the first column, which is an integer; values as the client reads them. */
  rows(): Promise<AnyRow[]>
  count(): Promise<number>
}

export interface Hold {
  /** How many of our statements wait or run on the server. */
  running(): Promise<number>
  release(): Promise<void>
}

export interface Fault {
  readonly reason: KnownReason
  provoke(database: Database): Promise<Provoked>
}

/** A situation in which writing `rows` to `table` fails. */
export interface Provoked {
  readonly executor: Executor
  readonly table: Table
  readonly rows: readonly AnyRow[]
  /** It fails once only: the second attempt succeeds. @default false */
  readonly passes?: boolean
  /** Puts everything right again. */
  end(): Promise<void>
}
