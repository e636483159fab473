import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Books } from './books.ts'
import type { Task, Told } from './process.ts'

const running = new Set<ChildProcess>()

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A process of its own whose load keeps books. */
export class LedgerProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#ended = once(child, 'exit').then(() => running.delete(child))
  }

  static start(task: Task): LedgerProcess {
    const child = fork(join(import.meta.dirname, 'process.ts'), [JSON.stringify(task)], {
      execArgv: ['--import', 'tsx'],
    })
    running.add(child)
    return new LedgerProcess(child)
  }

  /** The books when the load stands still, or is done. @throws when it ends before */
  async until(state: Told['state']): Promise<Books> {
    const ended = this.#ended.then(() => {
      throw new Error(`the ledger's process ended before it was ${state}`)
    })
    const [told] = (await Promise.race([once(this.#child, 'message'), ended])) as [Told]
    if (told.state !== state) throw new Error(`the ledger's process is ${told.state}, not ${state}`)
    return told.books
  }

  goOn(): void {
    this.#child.send('go on')
  }

  /** Ends as a process should. */
  async end(): Promise<void> {
    this.goOn()
    await this.#ended
  }

  /** Ends as a process that is killed. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}
