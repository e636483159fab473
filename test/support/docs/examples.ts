/**
 * The code in the documentation as modules that can be checked and run.
 *
 * A fenced block that starts with ```` ```ts ```` is a module. Its words after `ts`:
 *
 * - `run`: it is also executed, against a real PostgreSQL.
 * - `continue`: it belongs to the module of the block before it.
 *
 * What a reader knows without being told stands in HTML comments before the block, which no reader sees:
 * `<!-- ts: declare const row: User -->` goes into the module, `<!-- sql: CREATE TABLE users (…) -->` is carried out
 * before the module is.
 */
export interface Example {
  /** Line of the first block's fence, from 1. */
  readonly line: number
  /** As long as the document: every line of code stands on the line it has there, so that messages point at it. */
  readonly code: string
  readonly run: boolean
  /** Statements to carry out before. */
  readonly sql: readonly string[]
}

const BLOCK = /^<!-- (ts|sql): ([\s\S]*?) -->$|^```ts\b([^\n]*)\n([\s\S]*?)^```$/gm

export function examplesOf(markdown: string): Example[] {
  const examples: { line: number; lines: string[]; run: boolean; sql: string[] }[] = []
  let sql: string[] = []
  let given: { line: number; text: string }[] = []
  for (const match of markdown.matchAll(BLOCK)) {
    const [, kind, comment = '', words = '', body = ''] = match
    const line = markdown.slice(0, match.index).split('\n').length
    if (kind === 'sql') sql.push(comment)
    else if (kind === 'ts') given.push({ line, text: comment })
    else {
      const previous = words.includes('continue') ? examples.at(-1) : undefined
      const example = previous ?? { line, lines: [], run: words.includes('run'), sql: [] }
      if (previous === undefined) examples.push(example)
      for (const { line: at, text } of [...given, { line: line + 1, text: body }]) place(example.lines, at, text)
      example.sql.push(...sql)
      sql = []
      given = []
    }
  }
  return examples.map(({ lines, ...example }) => ({ ...example, code: `${lines.join('\n')}\nexport {}\n` }))
}

function place(lines: string[], line: number, text: string): void {
  for (const [i, content] of text.trimEnd().split('\n').entries()) lines[line - 1 + i] = content
}
