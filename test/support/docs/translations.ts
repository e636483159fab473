/**
 * Chinese pages, and how far they are behind: `npx tsx test/support/docs/translations.ts` lists what changed in the English page
 * since the commit that each one names at its top. A translation may be behind; it says of which commit it is.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(import.meta.dirname, '../../..')
const FOLDER = 'docs/zh-CN'

export interface Translation {
  /** Both from the repository's root. */
  readonly page: string
  readonly english: string
  /** The English page's commit that it follows. */
  readonly commit: string
}

/** @throws where a page does not say at its top what it follows */
export function translations(): Translation[] {
  return readdirSync(join(ROOT, FOLDER))
    .filter((file) => file.endsWith('.md') && file !== 'README.md')
    .map((file) => {
      const page = `${FOLDER}/${file}`
      const head = readFileSync(join(ROOT, page), 'utf8').split('\n', 8).join('\n')
      const [, english, commit] = head.match(/\[English\]\(\.\.\/([\w-]+\.md)[^)]*\).*译自 `([0-9a-f]{7,40})`/) ?? []
      if (english === undefined || commit === undefined) throw new Error(`${page} does not say which commit it follows`)
      return { page, english: `docs/${english}`, commit }
    })
}

/** Code as readers see it, block by block. */
export function blocksOf(markdown: string): string[] {
  return Array.from(markdown.matchAll(/^```\w*[^\n]*\n([\s\S]*?)^```$/gm), ([block]) => block)
}

function commitsSince({ english, commit }: Translation): string {
  const { status, stdout } = spawnSync('git', ['log', '--format=  %h %s', `${commit}..HEAD`, '--', english], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  return status === 0 ? stdout : `  ${commit} is not in this repository\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const translation of translations()) {
    const behind = commitsSince(translation)
    if (behind !== '') process.stdout.write(`${translation.page} is behind ${translation.english}:\n${behind}`)
  }
}
