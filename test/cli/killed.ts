import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { command, folder, start } from './command.ts'

export const TABLE = `cli_resume_${process.pid}`
export const ROWS = 10_000
export const place = folder()
export const file = join(place, 'many.csv')
writeFileSync(file, `id,name\n${Array.from({ length: ROWS }, (_, i) => `${i + 1},name ${i}\n`).join('')}`)

/** Rows, and different ones among them. */
export interface Count {
  readonly n: number
  readonly d: number
}

/** Interrupts a load once some rows are there, kills it once more are, and lets the same command end it. */
export async function killedAndResumed(to: string, count: () => number | Promise<number>): Promise<void> {
  const args = ['load', '--to', to, '-t', TABLE, '--resume', '--batch', '200', file]
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const before = Number(await count())
    const { child, ended } = start([...args, '--rate', '4000'])
    while ((await count()) < before + 1_000) await sleep(20)
    child.kill(signal)
    await ended
    assert.ok((await count()) < ROWS, `${signal} came too late`)
  }
  const { code, stderr } = await command(args)
  assert.is(code, 0, stderr)
  assert.match(stderr, 'going on behind line')
}
