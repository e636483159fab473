import type { Table } from '../contract/table.ts'
import type { HeldMessage, Item } from './held-message.ts'
import { DecodeError, type MessageDecoder } from './message-format.ts'
import type { DeadLetterReason } from './source.ts'

/** What becomes of rows whose table is not among `tables`. */
export type UnknownTables = 'dead-letter' | 'pause' | 'drop'

/** What was read of a message: rows for it to hold, and, where it has to be put aside as well, why. */
export interface Reading {
  readonly why?: DeadLetterReason
  /** The name of a table the worker has to wait for. */
  readonly blockedBy?: string
}

export class Reader {
  readonly #decode: MessageDecoder
  readonly #tables: ReadonlyMap<string, Table>
  readonly #unknownTables: UnknownTables

  constructor(decode: MessageDecoder, tables: readonly Table[], unknownTables: UnknownTables) {
    this.#decode = decode
    this.#tables = new Map(tables.map((table) => [table.name, table]))
    this.#unknownTables = unknownTables
  }

  /** Puts the rows of its message into `held`. */
  read(held: HeldMessage): Reading {
    let reading: Reading = {}
    const lasts = new Map<Table, Item>()
    try {
      for (const { table: name, row } of this.#decode(held.message)) {
        const table = this.#tables.get(name)
        if (table === undefined) reading = this.#unknown(name, reading)
        else add(held, lasts, table, row)
      }
    } catch (error) {
      held.items.length = 0
      return { why: { reason: 'decode', message: messageOf(error) } }
    }
    for (const item of lasts.values()) item.isLast = true
    held.left = held.items.length
    return reading
  }

  #unknown(name: string, before: Reading): Reading {
    if (this.#unknownTables === 'drop') return before
    if (this.#unknownTables === 'pause') return { ...before, blockedBy: name }
    const message = 'the message has rows of a table that is not among the tables of the worker'
    return { why: { reason: 'unknown_table', table: name, message } }
  }
}

function add(held: HeldMessage, lasts: Map<Table, Item>, table: Table, row: unknown): void {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) throw new TypeError('a row is not an object')
  const item: Item = { held, table, row, index: (lasts.get(table)?.index ?? -1) + 1, isLast: false }
  lasts.set(table, item)
  held.items.push(item)
}

/** What a decoder of the user's throws may quote the message: only what kind it is, is told. */
function messageOf(error: unknown): string {
  if (error instanceof DecodeError) return error.message
  const kind = error instanceof Error ? error.name : typeof error
  return `the message could not be read: ${kind}`
}
