import { statSync } from 'node:fs'
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
  if (path !== '-') checkFile(path)
  if (delimiter !== undefined && !/^[^"\r\n]+$/.test(delimiter)) {
    const wanted = 'a text of at least one character, without quotes and line breaks'
    throw usage(`--delimiter must be ${wanted}; received ${JSON.stringify(delimiter)}`)
  }
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

/** It is read twice, for columns and types first. @throws {CliError} where that cannot be done */
function checkFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw new CliError(`there is no file ${path}`)
  if (found.isDirectory()) throw new CliError(`${path} is a folder, no file`)
  if (!found.isFile())
    throw new CliError(`${path} can be read only once: hand it over as standard input, - --format … < ${path}`)
}

const ENDINGS: ReadonlyMap<string, Format> = new Map([
  ...FORMATS.map((format) => [format, format] as const),
  ['jsonl', 'ndjson'],
])

function formatOf(path: string): Format {
  const format = ENDINGS.get(path.slice(path.lastIndexOf('.') + 1).toLowerCase())
  if (format !== undefined) return format
  throw usage(`--format has to say what ${path === '-' ? 'standard input' : path} holds: ${FORMATS.join(', ')}`)
}
