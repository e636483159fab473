#!/usr/bin/env node
/** `npx batchflow-otel --help` tells what it can do. */
import { readFileSync } from 'node:fs'
import { OptionError } from 'batchflow-otel'
import { CommanderError } from 'commander'
import { CliError, EXIT, messageOf } from './errors.ts'
import { programOf } from './program.ts'

/** Beside `src` and `dist` alike. */
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

process.exitCode = EXIT.ok
try {
  const program = programOf(version, (code) => {
    process.exitCode = code
  })
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
  if (!(error instanceof CommanderError)) console.error(`error: ${messageOf(error)}`)
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof CliError) return error.exitCode
  return error instanceof OptionError ? EXIT.usage : EXIT.stopped
}
