import type { Message } from 'batchflow-otel/consume'
import { type Entry, positionOf } from './input/entry.ts'
import type { FilePrint } from './input/file-print.ts'

type Row = Record<string, unknown>

/** @throws {RecordError} */
export type RowOf = (entry: Entry) => Row

/** Records that follow each other, as one message of a log: a message for each would cost more than all else that is done with it. */
export class Portion implements Message {
  readonly body = ''
  readonly headers = NO_HEADERS
  readonly position: string
  /** Of the text of its records. */
  readonly size: number
  /** None, where its record could not be read. */
  readonly rows: readonly Row[]
  /** Where the text of each record begins. */
  readonly lines: readonly number[]
  /** Why there are no rows. */
  readonly error: unknown

  constructor(entries: readonly Entry[], rows: readonly Row[], print: FilePrint | undefined, error?: unknown) {
    const { record, offset, line } = entries.at(-1)!
    this.position = positionOf({ record, offset, line, print: print?.at(offset) }, entries[0]!.record)
    this.size = entries.reduce((size, { text }) => size + text.length, 0)
    this.rows = rows
    this.lines = entries.map(({ firstLine }) => firstLine)
    this.error = error
  }
}

const NO_HEADERS = Object.freeze({})

/**
 * What cannot be read is a portion of its own.
 *
 * @param most records of one portion
 */
export function* portionsOf(
  entries: readonly Entry[],
  rowOf: RowOf,
  most: number,
  print?: FilePrint,
): Generator<Portion> {
  let rows: Row[] = []
  let begin = 0
  for (let at = 0; at < entries.length; at++) {
    let unread: { readonly error: unknown } | undefined
    try {
      rows.push(rowOf(entries[at]!))
      if (rows.length < most) continue
    } catch (error) {
      unread = { error }
    }
    if (rows.length > 0) yield new Portion(entries.slice(begin, begin + rows.length), rows, print)
    if (unread !== undefined) yield new Portion([entries[at]!], [], print, unread.error)
    rows = []
    begin = at + 1
  }
  if (rows.length > 0) yield new Portion(entries.slice(begin), rows, print)
}
