import type { FilePrint } from './file-print.ts'

/** Behind a record: how many there are up to it, and where the next one begins. */
export interface Place {
  readonly record: number
  /** Bytes from the beginning of the file. */
  readonly offset: number
  /** Lines up to there. */
  readonly line: number
  /** Of what is before it, where that is known. @see FilePrint */
  readonly print?: string | undefined
}

/** One record of a file, and the place behind it. Where it has no text, it has its values. */
export interface Entry extends Place {
  /** Where its text begins; of a Parquet file, which row it is. */
  readonly firstLine: number
  readonly text: string
  /** In the order of the fields of its file, as they are stored. */
  readonly values?: readonly unknown[]
}

export const BEGINNING: Place = { record: 0, offset: 0, line: 0 }

/** Of records from `first` to the one that ends there. @see placeOf */
export function positionOf({ record, offset, line, print }: Place, first = record): string {
  return `${first}-${record}@${offset}@${line}${print === undefined ? '' : `@${print}`}`
}

export function placeOf(position: string): Place {
  if (position === '') return BEGINNING
  const [records = '', offset, line, print] = position.split('@')
  return { record: Number(records.slice(records.indexOf('-') + 1)), offset: Number(offset), line: Number(line), print }
}

/**
 * Positions in their order, by the first of their records: where a position is within some records, those read anew from there
 * may be more or fewer.
 */
export function comparePositions(a: string, b: string): number {
  return firstOf(a) - firstOf(b)
}

function firstOf(position: string): number {
  return position === '' ? 0 : Number.parseInt(position, 10)
}

export interface ReadOptions {
  /** Ends the reading. */
  readonly signal?: AbortSignal
  /** Of a pipe: what is read now is kept to be read again. */
  readonly peek?: boolean
  /** Is given what is read, and before it what is in front of it. */
  readonly print?: FilePrint | undefined
}

/** Something that records are read from. */
export interface Input {
  /** As errors call it. */
  readonly name: string
  /** Bytes, where that is known. */
  readonly size: number | undefined
  /** What its records say they have, where they do: the head of a CSV or Parquet file. */
  readonly fields: readonly string[] | undefined
  /** Those behind `from`, some at a time. @throws {OtherFileError} where `print` is given, and another than that of `from` */
  read(from: Place, options: ReadOptions): AsyncIterable<readonly Entry[]>
  /** Its fields by name. @throws {RecordError} */
  parse(entry: Entry): Readonly<Record<string, unknown>>
  /** Its values in the order of `fields`, where that is less work. @throws {RecordError} */
  values?(entry: Entry): readonly unknown[]
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
