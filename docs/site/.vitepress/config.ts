import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type DefaultTheme, defineConfig } from 'vitepress'
import { slugOf } from '../../../test/support/docs/links.ts'
import { assemble, PAGES } from './pages.ts'
import { chinese, english, type Group } from './sidebar.ts'

assemble()

/** What has no page yet in a language is left out. */
function sidebar(groups: readonly Group[], folder: string): DefaultTheme.SidebarItem[] {
  const has = (page: string) => existsSync(join(PAGES, folder, page.endsWith('/') ? `${page}index.md` : `${page}.md`))
  return groups.map(([text, pages]) => ({
    text,
    items: pages
      .filter(([, page]) => has(page))
      .map(([name, page]) => ({ text: name, link: `/${folder}${page === 'index' ? '' : page}` })),
  }))
}

/** Words for the index of the search: Chinese has no blanks between them. Runs in the browser, too. */
function tokenize(text: string): string[] {
  const segmenter = new Intl.Segmenter('zh', { granularity: 'word' })
  return text
    .split(/[^\p{Letter}\p{Number}_]+/u)
    .flatMap((word) =>
      /\p{Script=Han}/u.test(word) ? Array.from(segmenter.segment(word), ({ segment }) => segment) : [word],
    )
}

export default defineConfig({
  title: 'batchflow-otel',
  srcDir: 'pages',
  outDir: 'dist',
  metaChunk: true,
  markdown: {
    anchor: { slugify: slugOf },
    // Nothing colours it; named here, it is shown as it is without a word
    languages: [{ name: 'promql', scopeName: 'source.promql', patterns: [], repository: {} }],
  },
  vite: { build: { chunkSizeWarningLimit: 2000 } },
  // Addresses of a program that runs beside the reader. Any other dead link ends the build
  ignoreDeadLinks: 'localhostLinks',
  locales: {
    root: { label: 'English', lang: 'en', themeConfig: { sidebar: sidebar(english, '') } },
    'zh-CN': {
      label: '简体中文',
      lang: 'zh-CN',
      description: '把一行一行的数据攒成批写入数据库',
      themeConfig: {
        sidebar: sidebar(chinese, 'zh-CN/'),
        outline: { label: '本页目录', level: [2, 3] },
        docFooter: { prev: '上一页', next: '下一页' },
        darkModeSwitchLabel: '主题',
        sidebarMenuLabel: '目录',
        returnToTopLabel: '回到顶部',
      },
    },
  },
  themeConfig: {
    i18nRouting: false,
    outline: [2, 3],
    search: { provider: 'local', options: { miniSearch: { options: { tokenize } } } },
  },
})
