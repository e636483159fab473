import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Flight } from '../../../examples/demo/flights.ts'
import type { Summary } from '../../../examples/demo/summary.ts'

const repository = join(import.meta.dirname, '../../..')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunningDemo {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves with the match as soon as stderr shows it. */
  says(pattern: RegExp): Promise<RegExpExecArray>
}

/** The demo as a user starts it, on a free port. */
export function startDemo(args: readonly string[], env: NodeJS.ProcessEnv = {}): RunningDemo {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/demo/main.ts', '--port', '0', ...args], {
    cwd: repository,
    env: { ...process.env, DATABASE_URL: undefined, OTEL_EXPORTER_OTLP_ENDPOINT: undefined, ...env },
  })
  let [stdout, stderr, over] = ['', '', false]
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => {
      over = true
      resolve({ code, stdout, stderr })
    })
  })
  const says = async (pattern: RegExp) => {
    for (;;) {
      const match = pattern.exec(stderr)
      if (match !== null) return match
      if (over) throw new Error(`the demo ended without saying ${pattern}:\n${stderr}`)
      await sleep(20)
    }
  }
  return { child, ended, says }
}

/** What `--json` prints. */
export function summaryOf(stdout: string): Summary {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Summary
}

/** Three airports, two days. */
export const THREE_FLIGHTS: readonly [Flight, Flight, Flight] = [
  { date: new Date('2001-02-03T00:00:00Z'), delay: 6, distance: 100, origin: 'ATL', destination: 'LAS' },
  { date: new Date('2001-02-03T23:59:00Z'), delay: 7, distance: 200, origin: 'LAS', destination: 'ATL' },
  { date: new Date('2001-02-04T12:30:00Z'), delay: -8, distance: 300, origin: 'LAX', destination: 'ANC' },
]
