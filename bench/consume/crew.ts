import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Report } from './worker.ts'

const WORKER = join(import.meta.dirname, 'worker.ts')

/** The processes of one contender. They live through all turns, as a service does, and are halted while their log is filled. */
export class Crew {
  readonly #members: readonly Member[]

  private constructor(members: readonly Member[]) {
    this.#members = members
  }

  /** Resolves when all are under way. @param partitions to be shared evenly among them */
  static async start(size: number, args: readonly string[], partitions: number): Promise<Crew> {
    const members = Array.from({ length: size }, () => new Member(args))
    const share = partitions / size
    await Promise.all(members.map((member) => member.until((report) => report.partitions === share)))
    return new Crew(members)
  }

  halt(): void {
    for (const { child } of this.#members) child.kill('SIGSTOP')
  }

  goOn(): void {
    for (const { child } of this.#members) child.kill('SIGCONT')
  }

  /** Tells them to do it, where nothing else does. */
  go(rows: number): void {
    for (const { child } of this.#members) child.send({ go: rows })
  }

  /** Resolves when they have committed so many since they began. */
  async until(rows: number): Promise<void> {
    const enough = () => this.#sum('rows') >= rows
    await Promise.race(this.#members.map((member) => member.until(enough)))
  }

  /** CPU time of all of them, in µs, when they last told. */
  get cpu(): number {
    return this.#sum('cpu')
  }

  /** So far, asked now. */
  async used(): Promise<{ rows: number; cpu: number }> {
    await Promise.all(this.#members.map((member) => member.ask()))
    return { rows: this.#sum('rows'), cpu: this.cpu }
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()))
  }

  #sum(what: 'rows' | 'cpu'): number {
    return this.#members.reduce((sum, { report }) => sum + report[what], 0)
  }
}

class Member {
  readonly child: ChildProcess
  report: Report = { rows: 0, cpu: 0, partitions: -1 }
  /** Settles with the next report, or when there will be none. */
  #news!: Promise<void>
  #tell: () => void = () => {}

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, ['--import', 'tsx', WORKER, ...args], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#expect()
    this.child.on('message', (report: Report) => {
      this.report = report
      this.#expect()
    })
    this.child.once('exit', () => this.#tell())
  }

  /** @throws when it ends instead */
  async until(isTrue: (report: Report) => boolean): Promise<void> {
    while (!isTrue(this.report)) {
      if (this.child.exitCode !== null) throw new Error(`a worker has ended with ${this.child.exitCode}`)
      await this.#news
    }
  }

  #expect(): void {
    this.#tell()
    this.#news = new Promise((resolve) => (this.#tell = resolve))
  }

  async ask(): Promise<void> {
    this.child.send('tell')
    await this.#news
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = once(this.child, 'exit')
    this.child.disconnect()
    await ended
  }
}
