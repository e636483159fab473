import { createHash } from 'node:crypto'
import type { Table } from '../../table.ts'
import { type ColumnType, type Description, UNKNOWN_COLUMN, versionSql } from './describe.ts'
import { BUILT_IN, binaryWriter, TEXT_OID, textOf, type WriteBinary } from './encode.ts'
import type { ToText } from './encode-text.ts'
import { copySql, insertSql, quoteLiteral, quotePath, type UnnestColumn } from './sql.ts'
import { type Preparation, queryMessage } from './wire.ts'

/** After so many batches in a row that held a value for the server to read, binary is not tried again. */
const TEXT_BATCHES = 8

/** How one column travels in an `unnest`. */
export interface ArrayColumn extends UnnestColumn {
  readonly elementOid: number
  /** In binary; absent where the array holds texts that the SELECT casts. */
  readonly write: WriteBinary | undefined
  readonly toText: ToText
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
  readonly #copies = new Map<boolean, { text: string; message: Buffer }>()
  readonly #inserts = new Map<boolean, { prepare: Preparation; columns: readonly ArrayColumn[] }>()
  #textBatches = 0

  constructor(table: Table, columns: readonly string[], description: Description) {
    this.table = table
    this.columns = columns
    this.version = description.version
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

  /**
   * The binary format carries no types: were a bigint column made double precision behind our back, the server would
   * take the bytes and store nonsense. So the same transaction, which by then holds the table's lock, looks at the
   * columns again and divides by zero when they are not the ones the batch was encoded for.
   */
  copy(binary: boolean): { text: string; message: Buffer } {
    return memo(this.#copies, binary, () => {
      const text = copySql(this.table, this.columns, binary ? 'binary' : 'text')
      const version = versionSql(quoteLiteral(quotePath(this.table.path)))
      return {
        text,
        message: queryMessage(binary ? `${text}; SELECT 1 / ((${version}) = ${this.version})::int` : text),
      }
    })
  }

  insert(binary: boolean): { prepare: Preparation; columns: readonly ArrayColumn[] } {
    return memo(this.#inserts, binary, () => {
      const columns = this.columns.map((name, i) => this.#arrayColumn(name, i, binary))
      const text = insertSql(this.table, columns)
      return { prepare: { name: statementName(text), text }, columns }
    })
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

function memo<V>(map: Map<boolean, V>, key: boolean, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

/** Equal texts share a name, on every connection and in every process. */
function statementName(text: string): string {
  return `batchflow_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
}
