import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** Worker processes, which are killed one after the other and replaced. */
export class Fleet {
  readonly #program: readonly string[]
  readonly #alive = new Set<ChildProcess>()
  /** Those that read, of them. */
  readonly #underWay = new Set<ChildProcess>()
  /** What they said beyond the expected. */
  readonly complaints: string[] = []
  kills = 0

  /** @param program of each worker, and its arguments */
  constructor(...program: readonly string[]) {
    this.#program = program
  }

  get size(): number {
    return this.#alive.size
  }

  /** Resolves when it is under way, or has ended without. */
  async add(): Promise<void> {
    const child = spawn(process.execPath, this.#program, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#alive.add(child)
    child.stderr!.setEncoding('utf8').on('data', (text: string) => this.complaints.push(text))
    const ended = once(child, 'close').then(([code, signal]) => {
      this.#alive.delete(child)
      this.#underWay.delete(child)
      if (code !== 0 && signal !== 'SIGKILL' && signal !== 'SIGTERM')
        this.complaints.push(`a worker ended with ${code ?? signal}`)
    })
    await Promise.race([once(child.stdout!, 'data').then(() => this.#underWay.add(child)), ended])
  }

  /** Kills one with -9, but not the last one that reads; resolves when another one has taken its place. */
  async replaceOne(): Promise<void> {
    const all = [...this.#underWay]
    if (all.length < 2) return
    const victim = all[Math.floor(Math.random() * all.length)]!
    this.kills++
    this.#underWay.delete(victim)
    victim.kill('SIGKILL')
    await this.add()
  }

  /** Lets all of them close in order. */
  async close(): Promise<void> {
    const all = [...this.#alive]
    const ended = all.map((child) => once(child, 'close'))
    for (const child of all) child.kill('SIGTERM')
    const timer = setTimeout(() => all.map((child) => child.kill('SIGKILL')), 30_000)
    await Promise.all(ended)
    clearTimeout(timer)
  }
}
