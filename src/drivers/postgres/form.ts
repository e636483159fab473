import { createHash } from 'node:crypto'
import type { Table } from '../../contract/table.ts'
import { quotePath } from '../kit/sql.ts'
import type { DateZone } from './date-zone.ts'
import { type ColumnType, type Description, UNKNOWN_COLUMN, versionSql } from './describe.ts'
import { BUILT_IN, binaryWriter, TEXT_OID, textOf } from './encode.ts'
import type { ToText } from './encode-text.ts'
import { executeMessages, type Preparation, prepareMessages, queryMessage, SYNC } from './messages.ts'
import { copySql, insertSql, quoteLiteral, type UnnestColumn } from './sql.ts'
import type { WriteBinary } from './writer.ts'

/** After so many batches in a row that held a value for the server to read, binary is not tried again. */
const TEXT_BATCHES = 8

/** A COPY without its data: the messages before and after them. */
export interface CopyMessages {
  readonly text: string
  readonly preparations: readonly Preparation[]
  readonly before: Buffer
  readonly after: Buffer
}

/** An `INSERT … FROM unnest` without its parameters. */
export interface InsertMessages {
  readonly prepare: Preparation
  readonly preparations: readonly Preparation[]
  /** What follows the execution, up to the Sync. */
  readonly after: Buffer
  readonly columns: readonly ArrayColumn[]
}

/** How one column travels in an `unnest`. */
export interface ArrayColumn extends UnnestColumn {
  readonly elementOid: number
  /** In binary; absent where the array holds texts that the SELECT casts. */
  readonly write: WriteBinary | undefined
  readonly toText: ToText
}

export interface FormOptions {
  /** Whether statements may be prepared under a name. */
  readonly named: boolean
  readonly zone: DateZone
}

interface Messages {
  copy?: CopyMessages
  insert?: InsertMessages
}

/** Everything about one table and list of columns that is the same for each batch, derived once. */
export class Form {
  readonly table: Table
  readonly columns: readonly string[]
  readonly version: string
  readonly copyable: boolean
  readonly zone: DateZone
  readonly writers: readonly WriteBinary[]
  readonly texts: readonly ToText[]
  readonly #types: readonly ColumnType[]
  readonly #named: boolean
  readonly #binary: Messages = {}
  readonly #text: Messages = {}
  #textBatches = 0

  constructor(table: Table, columns: readonly string[], description: Description, { named, zone }: FormOptions) {
    this.table = table
    this.columns = columns
    this.version = description.version
    this.zone = zone
    this.#named = named
    this.#types = columns.map((column) => description.columns.get(kept(column)) ?? UNKNOWN_COLUMN)
    this.copyable = description.copyable && !this.#types.some((type) => type.isIdentityAlways)
    this.writers = this.#types.map(binaryWriter)
    this.texts = this.#types.map((type) => textOf(type, zone))
  }

  get triesBinary(): boolean {
    return this.#textBatches < TEXT_BATCHES
  }

  /** Whether the batch could be written in binary. */
  learn(binary: boolean): void {
    this.#textBatches = binary ? 0 : this.#textBatches + 1
  }

  copy(binary: boolean): CopyMessages {
    const messages = binary ? this.#binary : this.#text
    messages.copy ??= this.#copyMessages(binary)
    return messages.copy
  }

  insert(binary: boolean): InsertMessages {
    const messages = binary ? this.#binary : this.#text
    messages.insert ??= this.#insertMessages(binary)
    return messages.insert
  }

  /**
   * Binary values carry no types: were a bigint column made double precision behind our back, COPY would take the bytes and
   * store nonsense, and `unnest` would store what the old type makes of them. COPY also passes rules by. So the same
   * transaction, which by then holds the table's lock, looks at the table again and divides by zero when it is not the one
   * the batch was encoded for. Prepared, this costs the server some ten microseconds; as plain text ten times that.
   */
  get #check(): string {
    return `SELECT 1 / ((${versionSql(quoteLiteral(quotePath(this.table.path)))}) = ${this.version})::int`
  }

  #copyMessages(binary: boolean): CopyMessages {
    const text = copySql(this.table, this.columns, binary ? 'binary' : 'text')
    return this.#named ? extended(named(text), named(this.#check)) : simple(text, `${text}; ${this.#check}`)
  }

  #insertMessages(binary: boolean): InsertMessages {
    const columns = this.columns.map((name, i) => this.#arrayColumn(name, i, binary))
    const text = insertSql(this.table, columns)
    if (!this.#named) {
      const check = { name: '', text: this.#check }
      const after = Buffer.concat([prepareMessages(check), executeMessages(check)])
      return { prepare: { name: '', text }, preparations: [{ name: '', text }], columns, after }
    }
    const [prepare, check] = [named(text), named(this.#check)]
    return { prepare, preparations: [prepare, check], columns, after: executeMessages(check) }
  }

  /** Arrays and types without a binary form go as texts; `unnest` would flatten the former. */
  #arrayColumn(name: string, i: number, binary: boolean): ArrayColumn {
    const type = this.#types[i]!
    const toText = this.texts[i]!
    const builtIn = binary && type.elementOid === undefined ? BUILT_IN.get(type.scalarOid) : undefined
    if (builtIn === undefined) {
      return { name, parameter: 'pg_catalog.text', cast: type.sqlType, elementOid: TEXT_OID, write: undefined, toText }
    }
    const parameter = `pg_catalog.${builtIn.name}`
    return { name, parameter, cast: undefined, elementOid: type.scalarOid, write: builtIn.write, toText }
  }
}

/** What the server keeps of a name: 63 bytes, cut between characters (PostgreSQL documentation, "Identifiers and Key Words"). */
function kept(name: string): string {
  const bytes = Buffer.from(name)
  if (bytes.length <= 63) return name
  let end = 63
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

function simple(text: string, sql: string): CopyMessages {
  return { text, preparations: [], before: queryMessage(sql), after: Buffer.alloc(0) }
}

function extended(copy: Preparation, check: Preparation): CopyMessages {
  const after = Buffer.concat([executeMessages(check), SYNC])
  return { text: copy.text, preparations: [copy, check], before: executeMessages(copy), after }
}

/** Equal texts share a name, on every connection and in every process. */
function named(text: string): Preparation {
  return { name: `batchflow_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`, text }
}
