/**
 * Writes docs/options.md, every option there is, from the docstrings of the sources:
 *
 *     npx tsx test/support/docs/options-page.ts [--check]
 *
 * With `--check` nothing is written; the exit code is 1 when the page is stale.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const repository = join(import.meta.dirname, '../../..')
const PAGE = join(repository, 'docs/options.md')

const HEAD = `# Every option

What each function and class takes, by the path it is imported from. Times are milliseconds. An option that is not known, or a
value that is not allowed, is an \`OptionError\` when the thing is made, which names both. This page is made from the sources.
`

/** A type of options that a path exports, and what its page says. */
interface Group {
  readonly name: string
  readonly text: string
  readonly options: readonly OptionRow[]
}

interface OptionRow {
  readonly name: string
  readonly type: string
  readonly fallback: string
  readonly meaning: string
}

/** The page, made anew. */
export function optionsPage(): string {
  const { paths, options } = settings()
  const program = ts.createProgram([...paths.values()], options)
  const checker = program.getTypeChecker()
  const told = new Set<ts.Symbol>()
  const sections = Array.from(paths, ([specifier, file]) => {
    const groups = groupsOf(checker, program.getSourceFile(file)!, told)
    return groups.length === 0 ? '' : [`## ${specifier}`, ...groups.map(groupText)].join('\n\n')
  })
  return `${[HEAD.trim(), ...sections.filter((section) => section !== '')].join('\n\n')}\n`
}

/** The entry points by their specifiers, in the order of the exports. */
function settings(): { paths: Map<string, string>; options: ts.CompilerOptions } {
  const { config } = ts.readConfigFile(join(repository, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, repository)
  const given = Object.entries(config.compilerOptions.paths as Record<string, [string]>)
  return { paths: new Map(given.map(([name, [file]]) => [name, join(repository, file)])), options }
}

function groupsOf(checker: ts.TypeChecker, file: ts.SourceFile, told: Set<ts.Symbol>): Group[] {
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(file)!)
  const groups: Group[] = []
  for (const alias of exported) {
    const symbol = alias.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(alias) : alias
    const isOptions = symbol.name.endsWith('Options') && (symbol.flags & ts.SymbolFlags.Interface) !== 0
    if (isOptions && !told.has(symbol)) groups.push(optionsOf(checker, symbol))
    else if (symbol.name === 'Executor' && !told.has(symbol)) groups.unshift(executorOf(checker, symbol))
    told.add(symbol)
  }
  return groups
}

function optionsOf(checker: ts.TypeChecker, symbol: ts.Symbol): Group {
  const properties = checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol)).filter(isOurs)
  return {
    name: symbol.name,
    text: textOf(checker, symbol),
    options: properties.map((property) => ({
      name: property.name,
      type: typeTextOf(property),
      fallback: tagOf(property, 'default') ?? (property.flags & ts.SymbolFlags.Optional ? '' : 'required'),
      meaning: textOf(checker, property),
    })),
  }
}

/** Its methods that make another one of it. */
function executorOf(checker: ts.TypeChecker, symbol: ts.Symbol): Group {
  const members = checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol))
  const methods = members.filter(({ name }) => name.startsWith('with'))
  return {
    name: symbol.name,
    text: textOf(checker, symbol),
    options: methods.map((method) => {
      const { parameters } = method.valueDeclaration as ts.MethodDeclaration
      const [parameter] = parameters
      const type = parameter?.type?.getText() ?? ''
      return { name: method.name, type, fallback: '', meaning: textOf(checker, method) }
    }),
  }
}

/** Those that a package of others declares are told there. */
function isOurs(property: ts.Symbol): boolean {
  return !/\/node_modules\//.test(property.declarations?.[0]?.getSourceFile().fileName ?? '')
}

function typeTextOf(property: ts.Symbol): string {
  const declaration = property.declarations?.[0]
  if (declaration === undefined || !ts.isPropertySignature(declaration)) return 'function'
  return (declaration.type?.getText() ?? '').replace(/\s+/g, ' ').replace(/ \| undefined$/, '')
}

function tagOf(symbol: ts.Symbol, name: string): string | undefined {
  const tag = symbol.getJsDocTags().find((other) => other.name === name)
  return tag && ts.displayPartsToString(tag.text)
}

/** Without what is only for editors. */
function textOf(checker: ts.TypeChecker, symbol: ts.Symbol): string {
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker))
  return text.replaceAll(/\{@link (\S+?)\}/g, '`$1`')
}

function groupText({ name, text, options }: Group): string {
  const rows = options.map((option) => {
    const meaning = option.meaning.replaceAll(/\n\n- |\n- /g, '<br>– ').replaceAll(/\s*\n\s*/g, ' ')
    return `| \`${option.name}\` | ${codeOf(option.type)} | ${cell(option.fallback)} | ${cell(meaning)} |`
  })
  const head =
    name === 'Executor' ? '| method | takes | | what it does |' : '| option | type | default | what it does |'
  return [`### ${name}`, ...(text === '' ? [] : [text]), [head, '|---|---|---|---|', ...rows].join('\n')].join('\n\n')
}

function codeOf(text: string): string {
  return text === '' ? '' : `\`${text.replaceAll('|', '\\|')}\``
}

function cell(text: string): string {
  const line = text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|')
  // Outside of code `<topic>` would be taken for HTML.
  return line.replaceAll(/`[^`]*`|<(?!br>)/g, (found) => (found === '<' ? '\\<' : found))
}

function main(check: boolean): void {
  const fresh = optionsPage()
  const stale = !existsSync(PAGE) || readFileSync(PAGE, 'utf8') !== fresh
  if (!check) writeFileSync(PAGE, fresh)
  else if (stale) {
    console.error('docs/options.md is stale: run npx tsx test/support/docs/options-page.ts')
    process.exitCode = 1
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.includes('--check'))
