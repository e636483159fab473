import { columnsOf, type Row, type Table } from '../../contract/table.ts'
import { fieldOf } from '../../support/field.ts'
import { boolean, callback, integer, type OptionsOf, optional, parse, type Values } from '../../support/validate.ts'
import { EncodeError } from '../kit/encode-error.ts'
import { keyReader, type RedisKey, redisKey } from './key.ts'
import { allow, Mapping, type Recipe } from './mapping.ts'
import { bulks } from './writer.ts'

export interface StreamOptions<R extends Row> {
  /** The stream a row goes to. @default one stream, named like the table */
  readonly key?: RedisKey<R>
  /** How many entries to keep; older ones are trimmed away. @default all of them */
  readonly maxLen?: number
  /** Let Redis keep some more than `maxLen`, which is much cheaper. @default true */
  readonly approximate?: boolean
  /** The entry's id. @default `*`: the server's clock */
  readonly id?: (row: R) => string
}

/**
 * An entry of a stream per row, a field per column (XADD); NULL is a field that is not there. Only for plain inserts: what
 * was appended cannot be replaced.
 *
 * @throws {OptionError} for an unknown option, or a `maxLen` that is no positive integer
 */
export function stream<R extends Row>(options: StreamOptions<R> = {}): Mapping<R> {
  const valid = parse('stream()', OPTIONS, options)
  const limit = limitOf(valid)
  return new Mapping((table, columns) => {
    allow('stream', table, ['error'])
    return recipe(table, columns, valid, limit)
  })
}

const OPTIONS = {
  key: optional(redisKey),
  maxLen: optional(integer(1)),
  approximate: optional(boolean, true),
  id: optional(callback<(row: never) => string>()),
} satisfies OptionsOf<StreamOptions<never>>

function limitOf({ maxLen, approximate }: Values<typeof OPTIONS>): readonly string[] {
  return maxLen === undefined ? [] : ['MAXLEN', approximate ? '~' : '=', String(maxLen)]
}

function recipe(
  table: Table,
  columns: readonly string[],
  options: Values<typeof OPTIONS>,
  limit: readonly string[],
): Recipe {
  const key = options.key === undefined ? () => table.name : keyReader(table, options.key)
  const id = options.id as ((row: Row) => string) | undefined
  const names = columnsOf(table, columns).map((column) => bulks(column))
  const before = bulks(...limit)
  const values: unknown[] = columns.map(() => undefined)
  return {
    write: (out, row) => {
      const present = read(row, columns, values)
      out.command('xadd', 2 + limit.length + 2 * present)
      out.key(key(row))
      out.constant(before)
      out.argument(id === undefined ? '*' : id(row))
      for (let i = 0; i < names.length; i++) {
        if (values[i] === undefined) continue
        out.constant(names[i]!)
        out.argument(values[i])
      }
    },
  }
}

/** Fills `values`, with NULL as `undefined`, and counts the others. */
function read(row: Row, columns: readonly string[], values: unknown[]): number {
  let present = 0
  for (let i = 0; i < columns.length; i++) {
    const value = fieldOf(row, columns[i]!) ?? undefined
    values[i] = value
    if (value !== undefined) present++
  }
  if (present === 0) throw new EncodeError('every column is NULL, and a stream has no empty entries')
  return present
}
