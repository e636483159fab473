/**
 * The pages of the site, put together from the Markdown of the repository: what stands in `docs` at the top, README as the first
 * page, and of everything else that a page links to (sources, configuration, folders of them) a page that shows it. So there is
 * no dead link, and none to a host.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, extname, join, relative } from 'node:path'

const ROOT = join(import.meta.dirname, '../../..')
export const PAGES = join(ROOT, 'docs/site/pages')
const DOCS = ['docs', 'docs/zh-CN'].flatMap((folder) =>
  readdirSync(join(ROOT, folder)).map((file) => `${folder}/${file}`),
)

const UNSEARCHED = '---\nsearch: false\n---\n\n'

/** Bytes from which a file that is no page is given as it is: dashboards, which nobody reads. */
const LONG = 50_000

/** From the repository, with `/`: file or folder → its page. */
const made = new Map<string, string>()
const waiting: string[] = []

/** Writes all of them anew. What TypeDoc wrote to `pages/api` stays. */
export function assemble(): void {
  mkdirSync(PAGES, { recursive: true })
  for (const entry of readdirSync(PAGES)) if (entry !== 'api') rmSync(join(PAGES, entry), { recursive: true })
  cpSync(join(ROOT, 'docs/images'), join(PAGES, 'images'), { recursive: true })
  for (const file of ['README.md', ...DOCS.filter((name) => name.endsWith('.md'))]) pageOf(file)
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) write(file)
}

/** The page of a file or folder, which is written sooner or later. */
function pageOf(file: string): string {
  const known = made.get(file)
  if (known !== undefined) return known
  const page = pathOf(file)
  made.set(file, page)
  waiting.push(file)
  return page
}

function pathOf(file: string): string {
  if (file.startsWith('docs/')) return file.slice('docs/'.length).replace(/README\.md$/, 'index.md')
  if (file === 'README.md') return 'index.md'
  if (isFolder(file)) return `repository/${file}/index.md`
  if (statSync(join(ROOT, file)).size > LONG) return `public/repository/${file}`
  return `repository/${file}${file.endsWith('.md') ? '' : '.md'}`
}

function write(file: string): void {
  const page = join(PAGES, made.get(file)!)
  mkdirSync(dirname(page), { recursive: true })
  writeFileSync(page, textOf(file))
}

function textOf(file: string): string {
  if (isFolder(file)) return folderText(file)
  const text = readFileSync(join(ROOT, file), 'utf8')
  if (file.endsWith('.md')) return withOurLinks(text, file)
  if (made.get(file)?.startsWith('public/')) return text
  return `${UNSEARCHED}# ${file}\n\n\`\`\`\`${languageOf(file)}\n${text}\n\`\`\`\`\n`
}

function folderText(folder: string): string {
  const entries = readdirSync(join(ROOT, folder)).filter((name) => !name.startsWith('.') && name !== 'node_modules')
  return `${UNSEARCHED}# ${folder}\n\n${entries.map((name) => `- [${name}](${link(folder, `${folder}/${name}`)})`).join('\n')}\n`
}

/** The same text, its links and images leading to what the site has of them. */
function withOurLinks(text: string, file: string): string {
  return text
    .replaceAll(/(?<=\]\()(?![a-z]+:|#)[^)#\s]+/g, (target) => link(file, join(dirname(file), target)))
    .replaceAll(/(?<=(?:src|srcset)=")(?:docs\/)?(?=images\/)/g, './')
}

function link(from: string, to: string): string {
  const page = pageOf(to.replace(/\/$/, ''))
  return page.startsWith('public/') ? page.slice('public'.length) : relative(dirname(pageOf(from)), page)
}

function languageOf(file: string): string {
  const known: Record<string, string> = { '.ts': 'ts', '.json': 'json', '.yml': 'yaml', '.yaml': 'yaml', '.sh': 'sh' }
  return known[extname(file)] ?? 'text'
}

function isFolder(file: string): boolean {
  return statSync(join(ROOT, file)).isDirectory()
}
