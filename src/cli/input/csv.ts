import { statSync } from 'node:fs'
import { CliError } from '../errors.ts'
import { BEGINNING, type Entry, type Input, RecordError } from './entry.ts'
import { readRecords, type TextFile } from './lines.ts'
import { NOTHING } from './values.ts'

export interface CsvOptions {
  readonly delimiter: string
  /** Its first record names the fields; else these do. */
  readonly fields?: readonly string[] | undefined
}

/**
 * A CSV file by RFC 4180: fields may be quoted, a quote inside is doubled, and a quoted field may hold delimiters and line
 * breaks. Lines end with LF or CRLF. It is read here as three things are needed together: whether a field was quoted, at which
 * byte a record ends, and errors that hold no value.
 */
export async function openCsv(file: TextFile, { delimiter, fields }: CsvOptions): Promise<Input> {
  const head = fields ?? (await readHead(file, delimiter))
  const hasHead = fields === undefined
  return {
    name: file.name,
    size: file.pipe === undefined ? statSync(file.path).size : undefined,
    fields: head,
    async *read(from, options) {
      for await (const entries of readRecords(file, delimiter, from, options)) {
        yield hasHead && entries[0]?.record === 1 ? entries.slice(1) : entries
      }
    },
    parse: (entry) => {
      const values = valuesOf(entry, head, delimiter)
      return Object.fromEntries(head.map((name, i) => [name, values[i]]))
    },
    values: (entry) => valuesOf(entry, head, delimiter),
  }
}

async function readHead(file: TextFile, delimiter: string): Promise<readonly string[]> {
  for await (const [first] of readRecords(file, delimiter, BEGINNING, { peek: true })) {
    if (first === undefined) continue
    const names = split(first.text, delimiter).map((name) => (name === NOTHING ? '' : (name as string).trim()))
    const twice = names.find((name, i) => names.indexOf(name) !== i)
    if (names.includes(''))
      throw new CliError(`${file.name}:1: a column has no name; name them by --columns and --no-header`)
    if (twice !== undefined)
      throw new CliError(`${file.name}:1: the name of column ${names.lastIndexOf(twice) + 1} is there twice`)
    return names
  }
  throw new CliError(`${file.name} is empty: its first line has to name the columns (or --no-header --columns a,b,c)`)
}

function valuesOf({ text }: Entry, head: readonly string[], delimiter: string): readonly Field[] {
  const values = split(text, delimiter)
  if (values.length === head.length) return values
  throw new RecordError(`${values.length} fields where the head has ${head.length}`, values.length)
}

type Field = string | typeof NOTHING

/** @throws {RecordError} for a quote where there can be none */
function split(text: string, delimiter: string): Field[] {
  if (!text.includes('"')) return splitPlain(text, delimiter)
  const fields: Field[] = []
  let at = 0
  for (;;) {
    if (text[at] !== '"') {
      const end = text.indexOf(delimiter, at)
      const field = end === -1 ? text.slice(at) : text.slice(at, end)
      const quote = field.indexOf('"')
      if (quote !== -1) throw new RecordError('a quote inside a field that does not begin with one', at + quote + 1)
      fields.push(fieldOf(field))
      if (end === -1) return fields
      at = end + delimiter.length
      continue
    }
    const end = closing(text, at)
    fields.push(text.slice(at + 1, end).replaceAll('""', '"'))
    at = end + 1
    if (at >= text.length) return fields
    if (!text.startsWith(delimiter, at)) throw new RecordError('text behind the quote that ends a field', at + 1)
    at += delimiter.length
  }
}

function splitPlain(text: string, delimiter: string): Field[] {
  const fields: Field[] = []
  let at = 0
  for (let end = text.indexOf(delimiter); end !== -1; end = text.indexOf(delimiter, at)) {
    fields.push(fieldOf(text.slice(at, end)))
    at = end + delimiter.length
  }
  fields.push(fieldOf(text.slice(at)))
  return fields
}

/** The quote that ends the field which the one at `at` begins. */
function closing(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end !== -1; end = text.indexOf('"', end + 2)) {
    if (text[end + 1] !== '"') return end
  }
  throw new RecordError('a quote is not closed', at + 1)
}

function fieldOf(text: string): Field {
  return text === '' ? NOTHING : text
}
