import { existsSync } from 'node:fs'
import { CliError, usage } from '../errors.ts'
import { openCsv } from './csv.ts'
import type { Input } from './entry.ts'
import { openNdjson } from './ndjson.ts'
import { Pipe } from './pipe.ts'

export const FORMATS = ['ndjson', 'csv', 'tsv', 'parquet'] as const
export type Format = (typeof FORMATS)[number]

export interface InputOptions {
  /** @default as the name of the file says */
  readonly format?: Format | undefined
  readonly delimiter?: string | undefined
  /** Names of the fields of a CSV file that has no head. */
  readonly fields?: readonly string[] | undefined
}

/** @param path `-`: standard input */
export async function openInput(path: string, { format, delimiter, fields }: InputOptions): Promise<Input> {
  if (path !== '-' && !existsSync(path)) throw new CliError(`there is no file ${path}`)
  if (delimiter === '') throw usage('--delimiter must be a text of at least one character')
  const file = path === '-' ? { path, name: 'stdin', pipe: new Pipe(process.stdin) } : { path, name: path }
  switch (format ?? formatOf(path)) {
    case 'csv':
      return openCsv(file, { delimiter: delimiter ?? ',', fields })
    case 'tsv':
      return openCsv(file, { delimiter: delimiter ?? '\t', fields })
    case 'parquet':
      return (await import('./parquet.ts')).openParquet(file)
    case 'ndjson':
      return openNdjson(file)
  }
}

const ENDINGS: Readonly<Record<string, Format>> = {
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  csv: 'csv',
  tsv: 'tsv',
  parquet: 'parquet',
}

function formatOf(path: string): Format {
  const format = ENDINGS[path.slice(path.lastIndexOf('.') + 1).toLowerCase()]
  if (format !== undefined) return format
  throw usage(`--format has to say what ${path === '-' ? 'standard input' : path} holds: ${FORMATS.join(', ')}`)
}
