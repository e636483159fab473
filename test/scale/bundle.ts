import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build } from 'tsdown'

const ROOT = join(import.meta.dirname, '../..')

/**
 * The worker's program as plain JavaScript: one that is compiled as it starts takes longer for that than it then has to live.
 * It is removed when this process exits.
 */
export async function bundledWorker(): Promise<string> {
  const cache = join(ROOT, '.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'scale-')) // where packages are found
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const engines = readdirSync(join(import.meta.dirname, 'engines')).map((file) => basename(file, '.ts'))
  const entry = Object.fromEntries(engines.map((name) => [`engines/${name}`, `test/scale/engines/${name}.ts`]))
  await build({
    config: false,
    cwd: ROOT,
    entry: { worker: 'test/scale/worker.ts', ...entry },
    outDir: folder,
    platform: 'node',
    dts: false,
    logLevel: 'error',
  })
  return join(folder, 'worker.mjs')
}
