/** How a Prometheus is started with a committed configuration. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { startDaemon } from './daemon.ts'
import type { Tools } from './tools.ts'

/** How a program is started, see `startDaemon`. */
export type Program = Parameters<typeof startDaemon>

export const COLLECTOR = join(import.meta.dirname, '../../collector')

/** What is scraped: `port` of 127.0.0.1. */
export interface Scraped {
  readonly job: string
  readonly port: number
}

export function at(port: number, path = ''): string {
  return `http://127.0.0.1:${port}${path}`
}

export function server(
  { prometheus }: Tools,
  folder: string,
  name: string,
  port: number,
  text: string,
  ...more: readonly string[]
): Program {
  const data = join(folder, name)
  mkdirSync(data)
  const file = join(folder, `${name}.yml`)
  writeFileSync(file, text)
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${data}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--enable-feature=exemplar-storage',
    '--log.level=warn',
    ...more,
  ]
  return [prometheus, args, at(port, '/-/ready')]
}

/** The committed file as it is, but for where the rules are. */
export function asCommitted(name: 'direct' | 'collector' | 'otlp'): string {
  const text = readFileSync(join(COLLECTOR, `prometheus/${name}.yml`), 'utf8')
  return changed(text, [[/rules\/\*\.yml/, join(COLLECTOR, 'prometheus/rules/*.yml')]])
}

/** The committed file with shorter intervals. */
export function committed(name: 'direct' | 'collector' | 'otlp'): string {
  return changed(asCommitted(name), [
    [/evaluation_interval: 15s/, 'evaluation_interval: 1s'],
    ...(name === 'otlp' ? [] : [[/scrape_interval: 15s/, 'scrape_interval: 1s'] as const]),
  ])
}

/** A configuration that scrapes these instead. */
export function scraping(text: string, scrapes: string): string {
  return changed(text, [[/scrape_configs:[\s\S]+$/, `scrape_configs:\n${scrapes}`]])
}

export function jobs(processes: readonly Scraped[]): string {
  const names = [...new Set(processes.map(({ job }) => job))]
  const targets = (name: string) => processes.filter(({ job }) => job === name).map(({ port }) => `127.0.0.1:${port}`)
  return names
    .map((name) => `  - job_name: ${name}\n    static_configs:\n      - targets: [${targets(name).join(', ')}]\n`)
    .join('')
}

/** @throws where there is nothing to change */
export function changed(text: string, changes: readonly (readonly [RegExp, string])[]): string {
  return changes.reduce((result, [what, by]) => {
    if (!what.test(result)) throw new Error(`a configuration has no ${what.source}`)
    return result.replace(what, () => by)
  }, text)
}
