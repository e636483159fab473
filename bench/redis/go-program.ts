import { execFileSync, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Elsewhere } from '../support/compare.ts'

const BUILD = fileURLToPath(new URL('./go/build.sh', import.meta.url))
const PROGRAM = fileURLToPath(new URL('../../.cache/bench-redis/pipelines', import.meta.url))

/** Pipelines by go-redis over four connections, in a process of their own. */
export interface GoProgram {
  run(command: string, rows: number, size: number): Promise<Elsewhere>
  stop(): void
}

/** Builds it where that is still to be done. Says so where it cannot be. */
export function startGoProgram(url: string): GoProgram | undefined {
  try {
    execFileSync(BUILD, { stdio: ['ignore', 'inherit', 'inherit'] })
  } catch (error) {
    console.error(`LEFT OUT the Go program: ${(error as Error).message}; it needs Go 1.26 or later`)
    return undefined
  }
  const program = spawn(PROGRAM, [url], { stdio: ['pipe', 'pipe', 'inherit'] })
  const answers = createInterface({ input: program.stdout })[Symbol.asyncIterator]()
  return {
    run: async (command, rows, size) => {
      program.stdin.write(`${command} ${rows} ${size}\n`)
      const { done, value } = await answers.next()
      if (done) throw new Error('the Go program ended')
      return new Elsewhere(JSON.parse(value))
    },
    stop: () => program.stdin.end(),
  }
}
