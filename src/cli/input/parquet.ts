import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { CliError, messageOf } from '../errors.ts'
import type { Input } from './entry.ts'
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
  const readings = children.flatMap(({ element }) => {
    const reading = readingOf(element)
    return reading === undefined ? [] : [[element.name, reading] as const]
  })
  const options = { file, metadata, compressors, parsers: PARSERS, utf8: false }
  return {
    name,
    size: file.byteLength,
    fields: children.map(({ element }) => element.name),
    async *read(from, { signal }) {
      let start = 0
      let record = from.record
      for (const group of metadata.row_groups) {
        const end = start + Number(group.num_rows)
        const rows = record < end ? await parquetReadObjects({ ...options, rowStart: start, rowEnd: end }) : []
        for (let at = record - start; at < rows.length && signal?.aborted !== true; at += PORTION) {
          yield rows.slice(at, at + PORTION).map((row) => {
            record++
            // Bytes of a row group are read at once: how far in the file that is, its share of the rows tells.
            const offset = Math.round((file.byteLength * record) / Number(metadata.num_rows))
            return { record, offset, line: record, firstLine: record, text: '', row }
          })
        }
        start = end
      }
    },
    parse: ({ row }) => {
      const values: Record<string, unknown> = { ...row }
      for (const [column, reading] of readings) values[column] = reading(values[column])
      return values
    },
  }
}
