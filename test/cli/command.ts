import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A folder of this process alone, gone with it. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'batchflow-cli-'))
  process.once('exit', () => rmSync(path, { recursive: true, force: true }))
  return path
}

export function start(args: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
    })
  }
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, ...texts })))
  return { child, ended }
}

/** The command to its end, with a text at its standard input. */
export function command(args: readonly string[], text = ''): Promise<Ended> {
  const { child, ended } = start(args)
  child.stdin!.end(text)
  return ended
}
