import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

export const ROOT = join(import.meta.dirname, '../..')

export interface ComposeService {
  readonly image?: string
  readonly restart?: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly healthcheck: { readonly test: readonly string[] }
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>
}

/** A file of the repository. */
export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** `docker-compose.yml` as it is written, its variables not replaced. */
export function readCompose(): ComposeFile {
  return parse(read('docker-compose.yml')) as ComposeFile
}

export function serviceOf(name: string): ComposeService {
  const service = readCompose().services[name]
  if (service === undefined) throw new Error(`docker-compose.yml has no service ${name}`)
  return service
}

/** The file on this machine that a service sees as `path`, by its mounts. @throws where no mount holds it */
export function mounted(service: ComposeService, path: string): string {
  for (const volume of service.volumes ?? []) {
    const [source = '', target = ''] = volume.split(':')
    if (source.startsWith('.') && (path === target || path.startsWith(`${target}/`))) {
      return join(ROOT, source, path.slice(target.length))
    }
  }
  throw new Error(`nothing is mounted at ${path}`)
}
