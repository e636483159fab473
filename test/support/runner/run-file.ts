import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { countSummaries, type FileOutcome } from './judge-file.ts'

export interface Limits {
  /** Milliseconds a file may take in all. */
  readonly file: number
  /** Milliseconds a process may go on after its summary. */
  readonly linger: number
}

export interface FileRun extends FileOutcome {
  /** Both streams as they came. */
  readonly output: string
  readonly milliseconds: number
}

const running = new Set<ChildProcess>()

/** Runs one test file in a process (and process group) of its own. @param more environment beside that of this process */
export async function runFile(path: string, limits: Limits, more: NodeJS.ProcessEnv = {}): Promise<FileRun> {
  const started = performance.now()
  const child = spawn(process.execPath, ['--import', 'tsx', path], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...more, NO_COLOR: '1', FORCE_COLOR: undefined },
  })
  running.add(child)
  const watch = watchOutput(child, limits)
  const [exitCode, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (...ended) => resolve(ended))
  })
  const milliseconds = Math.round(performance.now() - started)
  await watch.end()
  running.delete(child)
  return { source: await readFile(path, 'utf8'), ...watch.seen, exitCode, signal, milliseconds }
}

/** Ends what still runs; for a runner that is itself being ended. */
export function killRunning(): void {
  for (const child of running) killGroup(child)
}

/** Collects the output and ends the process where it overstays, noting why. */
function watchOutput(child: ChildProcess, limits: Limits) {
  const seen = { stdout: '', output: '', killed: undefined as string | undefined }
  const kill = (why: string) => {
    seen.killed ??= why
    killGroup(child)
  }
  const limit = setTimeout(() => kill(`not finished within ${limits.file} ms: does every test settle?`), limits.file)
  let linger: NodeJS.Timeout | undefined
  let summaries = 0
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    seen.output += text
    seen.stdout += text
    if (countSummaries(seen.stdout) === summaries) return
    summaries = countSummaries(seen.stdout)
    clearTimeout(linger)
    const why = `still running ${limits.linger} ms after its summary: a socket, timer or server is left open`
    linger = setTimeout(() => kill(why), limits.linger)
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    seen.output += text
  })
  const end = async () => {
    clearTimeout(limit)
    clearTimeout(linger)
    const closed = await Promise.race([outputClosed(child), sleep(1000, false, { ref: false })])
    if (!closed) kill('left a process behind that holds its output open')
    child.stdout?.destroy()
    child.stderr?.destroy()
  }
  return { seen, end }
}

async function outputClosed(child: ChildProcess): Promise<true> {
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null && !stream.closed)
  await Promise.all(streams.map((stream) => new Promise((resolve) => stream?.once('close', resolve))))
  return true
}

/** The whole group, so that what a test started goes with it; servers of `servers.ts` look after themselves. */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
