/** The real programs that `collector/build.sh` builds, and the linter, where it is installed. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')
const BIN = join(ROOT, '.cache/monitoring/bin')
const BUILT = ['prometheus', 'promtool', 'otelcol', 'compose', 'jaeger'] as const

export interface Tools {
  readonly prometheus: string
  readonly promtool: string
  readonly otelcol: string
  /** The reference loader of compose files. */
  readonly compose: string
  /** The trace store. */
  readonly jaeger: string
}

/**
 * The programs, built if need be, which takes minutes. Without Go it says so and returns `undefined`.
 *
 * @throws when the build fails
 */
export function buildTools(): Tools | undefined {
  if (findProgram('go') === undefined) return findTools()
  const { status } = spawnSync(join(ROOT, 'collector/build.sh'), { stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) throw new Error(`collector/build.sh ended with status ${status}`)
  return findTools()
}

/** As `buildTools`, but builds nothing. */
export function findTools(): Tools | undefined {
  if (BUILT.every((name) => existsSync(join(BIN, name)))) {
    const files = BUILT.map((name) => [name, join(BIN, name)])
    return Object.fromEntries(files) as Record<(typeof BUILT)[number], string>
  }
  if (findProgram('go') === undefined)
    console.log(`NOT TESTED with ${BUILT.join(', ')}: there is no Go to build them with`)
  else console.log(`SKIPPED ${BUILT.join(', ')}: collector/build.sh`)
  return undefined
}

/** The program's file in `PATH`. */
export function findProgram(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file))
}
