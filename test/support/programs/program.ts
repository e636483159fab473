import { spawnSync } from 'node:child_process'

/** Runs a program to its end. @throws with its output when it fails */
export function run(program: string, args: readonly string[], cwd?: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', cwd })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with status ${status}:\n${stdout}${stderr}`)
  return stdout
}
