import type { Table } from '../contract/table.ts'
import { OptionError } from '../support/batchflow-error.ts'
import type { HeldMessage, Item } from './held-message.ts'
import { DecodeError, type MessageDecoder } from './message-format.ts'
import type { DeadLetterReason } from './source.ts'
import type { TroubleKind } from './troubles.ts'

/** What becomes of rows whose table is not among `tables`. */
export type UnknownTables = 'dead-letter' | 'pause' | 'drop'

/** What was read of a message: rows for it to hold, and, where it has to be put aside as well, why. */
export interface Reading {
  readonly why?: DeadLetterReason
  /** No message can be read, or this one not by this worker: nothing behind it goes on. */
  readonly blockedBy?: Obstacle
}

export interface Obstacle {
  readonly kind: TroubleKind
  readonly table?: string
  readonly error: Error
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
      const rows = this.#decode(held.message)
      if (isLate(rows)) return { blockedBy: { kind: 'place', error: lateError() } }
      for (const { table: name, row } of rows) {
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
    if (this.#unknownTables === 'pause') return { ...before, blockedBy: unknownTable(name) }
    const message = 'the message has rows of a table that is not among the tables of the worker'
    return { why: { reason: 'unknown_table', table: name, message } }
  }
}

function unknownTable(table: string): Obstacle {
  const message = `a message has rows of table ${JSON.stringify(table)}, which is not among the worker's tables`
  return { kind: 'unknown-table', table, error: new Error(message) }
}

/** Rows that come later: a promise of them, or one for each. What such a promise rejects with is nobody's. */
function isLate(rows: unknown): boolean {
  if (typeof rows !== 'object' || rows === null) return false
  if ('then' in rows && typeof rows.then === 'function') {
    Promise.resolve(rows).catch(() => {})
    return true
  }
  return !(Symbol.iterator in rows) && Symbol.asyncIterator in rows
}

function lateError(): OptionError {
  return new OptionError(
    'consume: decode must return rows, received a promise or an async iterable: make it synchronous, and do what has to be ' +
      'waited for where messages are published; nothing is put aside for it',
  )
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
