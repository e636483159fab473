import { createHash } from 'node:crypto'
import type { BatchInput } from '../../contract/driver.ts'
import { columnsOf, inColumns, type Table } from '../../contract/table.ts'
import { quotePath } from '../kit/sql.ts'
import type { DateZone } from './date-zone.ts'
import { type ColumnType, type Description, UNKNOWN_COLUMN, versionSql } from './describe.ts'
import { BUILT_IN, binaryWriter, TEXT_OID, textOf } from './encode.ts'
import type { ToText } from './encode-text.ts'
import { executeMessages, type Preparation, prepareMessages, queryMessage, SYNC } from './messages.ts'
import { CLOSE_ROWS, deletePieces, insertPieces, OUTCOME, rowsSql, salvageSql } from './salvage-sql.ts'
import { copySql, deleteSql, insertSql, quoteLiteral, type UnnestColumn } from './sql.ts'
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

/** A statement that takes one array for each column, without them. */
export interface ArrayMessages {
  readonly name: 'INSERT' | 'DELETE'
  readonly prepare: Preparation
  readonly preparations: readonly Preparation[]
  /** What follows the execution, up to the Sync. */
  readonly after: Buffer
  readonly columns: readonly ArrayColumn[]
}

/** How one column travels in an `unnest`. */
export interface ArrayColumn extends UnnestColumn {
  /** Of the rows. */
  readonly property: string
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
  arrays?: ArrayMessages
  salvage?: ArrayMessages
}

/** Everything about one table and list of columns that is the same for each batch, derived once. */
export class Form {
  /** In columns. */
  readonly table: Table
  /** Properties of the rows. */
  readonly columns: readonly string[]
  readonly version: string
  readonly copyable: boolean
  readonly zone: DateZone
  readonly writers: readonly WriteBinary[]
  readonly texts: readonly ToText[]
  /** Of the columns. */
  readonly #names: readonly string[]
  readonly #types: readonly ColumnType[]
  readonly #named: boolean
  readonly #deletions: boolean
  readonly #binary: Messages = {}
  readonly #text: Messages = {}
  #textBatches = 0

  /** @param deletions the rows are deleted */
  constructor(
    { table, columns, deletions = false }: Omit<BatchInput, 'rows'>,
    description: Description,
    { named, zone }: FormOptions,
  ) {
    this.table = inColumns(table)
    this.#deletions = deletions
    this.columns = columns
    this.#names = columnsOf(table, columns)
    this.version = description.version
    this.zone = zone
    this.#named = named
    this.#types = this.#names.map((column) => description.columns.get(kept(column)) ?? UNKNOWN_COLUMN)
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

  /** `INSERT … SELECT unnest`, or `DELETE … USING unnest` */
  arrays(binary: boolean): ArrayMessages {
    const messages = binary ? this.#binary : this.#text
    if (messages.arrays !== undefined) return messages.arrays
    const columns = this.#arrayColumns(binary)
    const text = this.#deletions ? deleteSql(this.table, columns) : insertSql(this.table, columns)
    return (messages.arrays = this.#arrayMessages(columns, text))
  }

  /** Writes the rows that the table takes; the answer tells of the others. */
  salvage(binary: boolean): ArrayMessages {
    const messages = binary ? this.#binary : this.#text
    if (messages.salvage !== undefined) return messages.salvage
    const columns = this.#arrayColumns(binary)
    const write = this.#deletions ? deletePieces(this.table, columns) : insertPieces(this.table, columns)
    const then = [salvageSql(write, columns), OUTCOME, CLOSE_ROWS]
    return (messages.salvage = this.#arrayMessages(columns, rowsSql(columns), then))
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
    const text = copySql(this.table, this.#names, binary ? 'binary' : 'text')
    return this.#named ? extended(named(text), named(this.#check)) : simple(text, `${text}; ${this.#check}`)
  }

  /** @param then statements that follow in the same transaction */
  #arrayMessages(columns: readonly ArrayColumn[], text: string, then: readonly string[] = []): ArrayMessages {
    const name = this.#deletions ? 'DELETE' : 'INSERT'
    const following = [...then, this.#check]
    if (!this.#named) {
      const unnamed = { name: '', text }
      const after = following.flatMap((other) => {
        const statement = { name: '', text: other }
        return [prepareMessages(statement), executeMessages(statement)]
      })
      return { name, prepare: unnamed, preparations: [unnamed], columns, after: Buffer.concat(after) }
    }
    const [prepare, others] = [named(text), following.map(named)]
    const after = Buffer.concat(others.map(executeMessages))
    return { name, prepare, preparations: [prepare, ...others], columns, after }
  }

  #arrayColumns(binary: boolean): readonly ArrayColumn[] {
    return this.columns.map((property, i) => this.#arrayColumn(property, i, binary))
  }

  /** Arrays and types without a binary form go as texts; `unnest` would flatten the former. */
  #arrayColumn(property: string, i: number, binary: boolean): ArrayColumn {
    const name = this.#names[i]!
    const type = this.#types[i]!
    const { exactType: exact, operators } = type
    const toText = this.texts[i]!
    const builtIn = binary && type.elementOid === undefined ? BUILT_IN.get(type.scalarOid) : undefined
    if (builtIn === undefined) {
      const asText = { parameter: 'pg_catalog.text', cast: type.sqlType, elementOid: TEXT_OID, write: undefined }
      return { name, property, ...asText, exact, operators, toText }
    }
    const parameter = `pg_catalog.${builtIn.name}`
    const { write } = builtIn
    return { name, property, parameter, cast: undefined, exact, operators, elementOid: type.scalarOid, write, toText }
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
  return { name: nameOf(text), text }
}

export function nameOf(text: string): string {
  return `batchflow_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
}
