import { statSync } from 'node:fs'
import { type Input, RecordError } from './entry.ts'
import { readRecords, type TextFile } from './lines.ts'
import { parseJson } from './values.ts'

/** One JSON object a line. */
export function openNdjson(file: TextFile): Input {
  return {
    name: file.name,
    size: file.pipe === undefined ? statSync(file.path).size : undefined,
    fields: undefined,
    read: (from, options) => readRecords(file, undefined, from, options),
    parse: ({ text }) => parse(text),
  }
}

function parse(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = parseJson(text)
  } catch {
    throw new RecordError('no JSON', columnOf(text))
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new RecordError('no JSON object', 1)
}

/**
 * Where it stops being JSON: behind the longest head that only lacks its end. Errors of `JSON.parse` quote the text, and not
 * all of them tell a position.
 */
function columnOf(text: string): number {
  let [good, bad] = [0, text.length]
  while (good < bad) {
    const middle = Math.ceil((good + bad) / 2)
    if (lacksItsEnd(text.slice(0, middle))) good = middle
    else bad = middle - 1
  }
  return good + 1
}

function lacksItsEnd(head: string): boolean {
  try {
    JSON.parse(head)
    return true
  } catch (error) {
    const { message } = error as SyntaxError
    const position = /at position (\d+)/.exec(message)?.[1]
    return /end of JSON/.test(message) || (position !== undefined && Number(position) >= head.length)
  }
}
