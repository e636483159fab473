import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Daemon {
  stop(): Promise<void>
}

const PATIENCE_MS = 30_000
const running = new Set<ChildProcess>()

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/**
 * Starts a program and waits until `health` answers 200. What it prints is shown only if it fails.
 *
 * @throws when it ends or does not answer in time
 */
export async function startDaemon(
  program: string,
  args: readonly string[],
  health: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Daemon> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  running.add(child)
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => output.push(String(data)))
  const ended = once(child, 'close').then(() => running.delete(child))
  const deadline = Date.now() + PATIENCE_MS
  while (!(await answers(health))) {
    if (!running.has(child) || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`${program} does not answer at ${health}:\n${output.join('')}`)
    }
    await sleep(100)
  }
  return {
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch {
    return false
  }
}

/** Ports of 127.0.0.1 that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
