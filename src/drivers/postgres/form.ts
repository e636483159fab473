import { createHash } from 'node:crypto'
import type { Table } from '../../contract/table.ts'
import { quotePath } from '../kit/sql.ts'
import { type ColumnType, type Description, UNKNOWN_COLUMN, versionSql } from './describe.ts'
import { BUILT_IN, binaryWriter, TEXT_OID, textOf, type WriteBinary } from './encode.ts'
import type { ToText } from './encode-text.ts'
import { executeMessages, type Preparation, queryMessage, SYNC } from './messages.ts'
import { copySql, insertSql, quoteLiteral, type UnnestColumn } from './sql.ts'

/** After so many batches in a row that held a value for the server to read, binary is not tried again. */
const TEXT_BATCHES = 8

/** A COPY without its data: the messages before and after them. */
export interface CopyForm {
  readonly text: string
  readonly preparations: readonly Preparation[]
  readonly before: Buffer
  readonly after: Buffer
}

/** An `INSERT … FROM unnest` without its parameters. */
export interface InsertForm {
  readonly prepare: Preparation
  readonly columns: readonly ArrayColumn[]
}

/** How one column travels in an `unnest`. */
export interface ArrayColumn extends UnnestColumn {
  readonly elementOid: number
  /** In binary; absent where the array holds texts that the SELECT casts. */
  readonly write: WriteBinary | undefined
  readonly toText: ToText
}

interface Forms {
  copy?: CopyForm
  insert?: InsertForm
}

/** Everything about one table and list of columns that is the same for each batch, derived once. */
export class Shape {
  readonly table: Table
  readonly columns: readonly string[]
  readonly version: string
  readonly copyable: boolean
  readonly writers: readonly WriteBinary[]
  readonly texts: readonly ToText[]
  readonly #types: readonly ColumnType[]
  readonly #named: boolean
  readonly #binary: Forms = {}
  readonly #text: Forms = {}
  #textBatches = 0

  /** @param named whether statements may be prepared under a name */
  constructor(table: Table, columns: readonly string[], description: Description, named: boolean) {
    this.table = table
    this.columns = columns
    this.version = description.version
    this.#named = named
    this.#types = columns.map((column) => description.columns.get(column) ?? UNKNOWN_COLUMN)
    this.copyable = description.copyable && !this.#types.some((type) => type.isIdentityAlways)
    this.writers = this.#types.map(binaryWriter)
    this.texts = this.#types.map(textOf)
  }

  get triesBinary(): boolean {
    return this.#textBatches < TEXT_BATCHES
  }

  /** Whether the batch could be written in binary. */
  learn(binary: boolean): void {
    this.#textBatches = binary ? 0 : this.#textBatches + 1
  }

  copy(binary: boolean): CopyForm {
    const forms = binary ? this.#binary : this.#text
    forms.copy ??= this.#copyForm(binary)
    return forms.copy
  }

  insert(binary: boolean): InsertForm {
    const forms = binary ? this.#binary : this.#text
    forms.insert ??= this.#insertForm(binary)
    return forms.insert
  }

  /**
   * The binary format carries no types: were a bigint column made double precision behind our back, the server would
   * take the bytes and store nonsense. So the same transaction, which by then holds the table's lock, looks at the
   * columns again and divides by zero when they are not the ones the batch was encoded for. Prepared, this costs the
   * server some ten microseconds; as plain text ten times that.
   */
  #copyForm(binary: boolean): CopyForm {
    const text = copySql(this.table, this.columns, binary ? 'binary' : 'text')
    if (!binary) return simple(text, text)
    const check = `SELECT 1 / ((${versionSql(quoteLiteral(quotePath(this.table.path)))}) = ${this.version})::int`
    return this.#named ? extended(named(text), named(check)) : simple(text, `${text}; ${check}`)
  }

  #insertForm(binary: boolean): InsertForm {
    const columns = this.columns.map((name, i) => this.#arrayColumn(name, i, binary))
    const text = insertSql(this.table, columns)
    return { prepare: this.#named ? named(text) : { name: '', text }, columns }
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

function simple(text: string, sql: string): CopyForm {
  return { text, preparations: [], before: queryMessage(sql), after: Buffer.alloc(0) }
}

function extended(copy: Preparation, check: Preparation): CopyForm {
  const after = Buffer.concat([executeMessages(check), SYNC])
  return { text: copy.text, preparations: [copy, check], before: executeMessages(copy), after }
}

/** Equal texts share a name, on every connection and in every process. */
function named(text: string): Preparation {
  return { name: `batchflow_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`, text }
}
