import type { Message } from 'batchflow-otel/consume'

/** One record of a file, as a message of a log. Its body is its text; where it has none, it has its row. */
export interface Entry extends Message {
  /** Where its text begins; of a Parquet file, which row it is. */
  readonly line: number
  readonly row?: Readonly<Record<string, unknown>>
}

/** Behind a record: how many there are up to it, and where the next one begins. */
export interface Place {
  readonly record: number
  /** Bytes from the beginning of the file. */
  readonly offset: number
  /** Lines up to there. */
  readonly line: number
}

export const BEGINNING: Place = { record: 0, offset: 0, line: 0 }

/** @see placeOf */
export function positionOf(record: number, offset: number, line: number): string {
  return `${record}@${offset}@${line}`
}

export function placeOf(position: string): Place {
  if (position === '') return BEGINNING
  const [record = 0, offset = 0, line = 0] = position.split('@').map(Number)
  return { record, offset, line }
}

/** Positions in their order. */
export function comparePositions(a: string, b: string): number {
  return recordOf(a) - recordOf(b)
}

function recordOf(position: string): number {
  return position === '' ? 0 : Number.parseInt(position, 10)
}

const NO_HEADERS = Object.freeze({})

export function entryOf(place: Place, line: number, body: string, row?: Entry['row']): Entry {
  const position = positionOf(place.record, place.offset, place.line)
  return { position, body, headers: NO_HEADERS, line, ...(row !== undefined && { row }) }
}

export interface ReadOptions {
  /** Ends the reading. */
  readonly signal?: AbortSignal
  /** Of a pipe: what is read now is kept to be read again. */
  readonly peek?: boolean
}

/** Something that records are read from. */
export interface Input {
  /** As errors call it. */
  readonly name: string
  /** Bytes, where that is known. */
  readonly size: number | undefined
  /** What its records say they have, where they do: the head of a CSV or Parquet file. */
  readonly fields: readonly string[] | undefined
  /** Those behind `from`, some at a time. */
  read(from: Place, options: ReadOptions): AsyncIterable<readonly Entry[]>
  /** Its fields by name. @throws {RecordError} */
  parse(entry: Entry): Readonly<Record<string, unknown>>
}

/** A record that cannot be read. Its message says where and why, and holds nothing of the record. */
export class RecordError extends Error {
  /** Of the record, from 1. */
  readonly column: number | string | undefined

  constructor(message: string, column?: number | string) {
    super(message)
    this.name = 'RecordError'
    this.column = column
  }
}
