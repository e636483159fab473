import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface InlineEnded {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A program given as its text, a module in the repository's folder, in a process of its own. */
export class InlineProgram {
  readonly child: ChildProcess
  readonly #closed: Promise<unknown[]>
  #stdout = ''
  #stderr = ''

  constructor(code: string) {
    const args = ['--import', 'tsx', '--input-type=module', '-e', code]
    const cwd = join(import.meta.dirname, '../../..')
    this.child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#closed = once(this.child, 'close')
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
  }

  /** Resolves as soon as stdout has said it. @throws when the program ends without */
  async says(text: string): Promise<void> {
    while (!this.#stdout.includes(text)) {
      const ended = await Promise.race([
        this.#closed.then(() => true),
        once(this.child.stdout!, 'data').then(() => false),
      ])
      if (ended && !this.#stdout.includes(text)) throw new Error(`ended without saying ${text}:\n${this.#stderr}`)
    }
  }

  async ended(): Promise<InlineEnded> {
    await this.#closed
    const { exitCode: code, signalCode: signal } = this.child
    return { code, signal, stdout: this.#stdout, stderr: this.#stderr }
  }
}
