import { asyncBufferFromFile, parquetMetadataAsync, parquetRead, parquetSchema } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { CliError, messageOf } from '../errors.ts'
import type { Entry, Input } from './entry.ts'
import type { TextFile } from './lines.ts'
import { PARSERS, readingOf } from './parquet-values.ts'

const PORTION = 1000

/** A Parquet file. One row group is in memory at a time. */
export async function openParquet({ name, path, pipe }: TextFile): Promise<Input> {
  if (pipe !== undefined)
    throw new CliError('a Parquet file is read from its end and cannot come through a pipe: name the file')
  const file = await asyncBufferFromFile(path)
  const metadata = await parquetMetadataAsync(file).catch((error: unknown) => {
    throw new CliError(`${name} is no Parquet file: ${messageOf(error)}`)
  })
  const { children } = parquetSchema(metadata)
  const fields = children.map(({ element }) => element.name)
  const readings = children.map(({ element }) => readingOf(element))
  const isPlain = readings.every((reading) => reading === undefined)
  const options = { file, metadata, compressors, parsers: PARSERS, utf8: false }
  return {
    name,
    size: file.byteLength,
    fields,
    async *read(from, { signal, print }) {
      await print?.pushFile(path, undefined, signal)
      print?.check(name, from)
      let start = 0
      let record = from.record
      for (const { num_rows } of metadata.row_groups) {
        const end = start + Number(num_rows)
        const rows = record < end ? await rowsOf(options, fields, start, end) : undefined
        while (rows !== undefined && record < end && signal?.aborted !== true) {
          const entries: Entry[] = []
          for (let last = Math.min(record + PORTION, end); record < last; ) {
            const values = rows(record)
            record++
            // Bytes of a row group are read at once: how far in the file that is, its share of the rows tells.
            const offset = Math.round((file.byteLength * record) / Number(metadata.num_rows))
            entries.push({ record, offset, line: record, firstLine: record, text: '', values })
          }
          yield entries
        }
        start = end
      }
    },
    parse: (entry) => {
      const values = valuesOf(entry)
      return Object.fromEntries(fields.map((field, i) => [field, values[i]]))
    },
    values: valuesOf,
  }

  function valuesOf({ values = [] }: Entry): readonly unknown[] {
    return isPlain ? values : values.map((value, i) => (readings[i] === undefined ? value : readings[i](value)))
  }
}

type Options = Pick<Parameters<typeof parquetRead>[0], 'file' | 'metadata' | 'compressors' | 'parsers' | 'utf8'>

interface Page {
  readonly values: ArrayLike<unknown>
  readonly start: number
  readonly end: number
}

/** The rows from `start` to `end`, made of their columns as they are asked for one after the other: not all of them at once. */
async function rowsOf(
  options: Options,
  fields: readonly string[],
  start: number,
  end: number,
): Promise<(row: number) => unknown[]> {
  const columns: Page[][] = fields.map(() => [])
  await parquetRead({
    ...options,
    rowStart: start,
    rowEnd: end,
    onChunk: ({ columnName, columnData, rowStart, rowEnd }) =>
      columns[fields.indexOf(columnName)]!.push({ values: columnData, start: rowStart, end: rowEnd }),
  })
  const places = columns.map(() => 0)
  return (row) =>
    columns.map((pages, i) => {
      while (pages[places[i]!]!.end <= row) places[i]!++
      const { values, start } = pages[places[i]!]!
      return values[row - start]
    })
}
