import { readFileSync } from 'node:fs'
import { Converter } from 'typedoc'

const { compilerOptions } = JSON.parse(readFileSync(new URL('../../tsconfig.json', import.meta.url), 'utf8'))
/** What can be imported: `batchflow-otel/postgres` and its file. */
const entries = Object.entries(compilerOptions.paths).map(([path, [file]]) => ({ path, file }))

/** Modules are named as they are imported, not by their folders. */
function nameByImport(app) {
  const paths = new Map(entries.map(({ path, file }) => [file.replace(/^\.\/src\/|(\/index)?\.ts$/g, ''), path]))
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.children) module.name = paths.get(module.name) ?? module.name
  })
}

export default {
  name: 'API',
  entryPoints: entries.map(({ file }) => `../../${file}`),
  tsconfig: '../../tsconfig.json',
  plugin: ['typedoc-plugin-markdown', nameByImport],
  out: 'pages/api',
  entryFileName: 'index',
  router: 'module',
  readme: 'none',
  logLevel: 'Error',
  skipErrorChecking: true,
  disableSources: true,
  groupOrder: ['Functions', 'Classes', 'Variables', '*'],
  sanitizeComments: true,
  hideBreadcrumbs: true,
  hidePageHeader: true,
}
