/** The declarations of one entry point, by name; overloads share one. */
export interface Surface {
  readonly imports: readonly string[]
  readonly declarations: ReadonlyMap<string, string>
}

const NAME =
  /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const|let|enum|namespace) ([\w$]+)/m

/** Takes a report of API Extractor apart: a fenced block with imports, then each declaration under `// @public`. */
export function surfaceOf(report: string): Surface {
  const code = /```ts\n([\s\S]*?)\n```/.exec(report)?.[1]
  if (code === undefined) throw new Error('this is no report of API Extractor')
  const [head = '', ...parts] = code.split(/^(?=\/\/ @public)/m)
  const declarations = new Map<string, string>()
  for (const part of parts) {
    const text = part.replace(/^ *\/\/ .*\n?/gm, '').trim()
    const name = NAME.exec(text)?.[1]
    if (name === undefined) throw new Error(`a declaration without a name:\n${part}`)
    declarations.set(name, declarations.has(name) ? `${declarations.get(name)}\n\n${text}` : text)
  }
  return { imports: head.split('\n').filter((line) => line !== ''), declarations }
}

/**
 * What is exported, and the types one meets from there: those that only `@internal` members mention are left out, and those
 * that `core` exports are left to its report.
 */
export function digest({ imports, declarations }: Surface, core?: Surface): string {
  const shown = new Set<string>()
  const show = (name: string, text: string) => {
    if (shown.has(name) || core?.declarations.get(name) === `export ${text}`) return
    shown.add(name)
    for (const [other, itsText] of declarations) if (mentions(text, other)) show(other, itsText)
  }
  for (const [name, text] of declarations) if (isExported(text)) show(name, text)
  const bodies = Array.from(declarations)
    .filter(([name]) => shown.has(name))
    .map(([, text]) => text)
  const used = imports.filter((line) => bodies.some((text) => mentions(text, /(\w+) }? ?from/.exec(line)?.[1] ?? '')))
  return [used.join('\n'), ...bodies].filter((text) => text !== '').join('\n\n')
}

function isExported(text: string): boolean {
  return text.startsWith('export ')
}

function mentions(text: string, name: string): boolean {
  return new RegExp(`(?<![\\w$'])${name.replaceAll('$', '\\$')}(?![\\w$'])`).test(text)
}
