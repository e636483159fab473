import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CliError } from './errors.ts'

/**
 * A package that is the user's to install: found beside this one, or in the folder the command was called in.
 *
 * @param need what it is for, as in `postgres:// needs`
 * @throws {CliError} with the command that installs it
 */
export async function importPackage<T>(name: string, need: string): Promise<T> {
  try {
    return await importOptional<T>(name)
  } catch (error) {
    if (!isMissing(error)) throw error
    const owner = name.replace(/^((?:@[^/]+\/)?[^/]+).*$/, '$1') // of `mysql2/promise`
    const install = `npm install batchflow-otel ${owner}`
    const once = `npx -p batchflow-otel -p ${owner} batchflow-otel …`
    throw new CliError(`${need} the package ${owner}: ${install} (or, without installing: ${once})`)
  }
}

/** The first of `names` that is there, or `undefined`. */
export async function importFirst<T>(names: readonly string[]): Promise<T | undefined> {
  for (const name of names) {
    try {
      return await importOptional<T>(name)
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  return undefined
}

async function importOptional<T>(name: string): Promise<T> {
  try {
    return (await import(name)) as T
  } catch (error) {
    if (!isMissing(error) || name.startsWith('node:')) throw error
    const here = createRequire(join(process.cwd(), 'package.json'))
    return (await import(pathToFileURL(here.resolve(name)).href)) as T
  }
}

const MISSING = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', 'ERR_UNKNOWN_BUILTIN_MODULE'])

function isMissing(error: unknown): boolean {
  return error instanceof Error && MISSING.has(String((error as NodeJS.ErrnoException).code))
}
