import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
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
  const taken: Server[] = []
  while (taken.length < count) taken.push(await listening())
  const ports = taken.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(taken.map((server) => once(server.close(), 'close')))
  return ports
}

/** On a port below those that systems give to whoever connects: between two starts of a program nobody else gets it. */
async function listening(): Promise<Server> {
  for (;;) {
    const server = createServer().listen(randomInt(12_000, 32_000), '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (isFree) return server
  }
}
