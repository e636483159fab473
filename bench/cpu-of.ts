import { readFileSync } from 'node:fs'

/** Of the system's clock; Linux has had no other for user programs for decades. */
const MICROSECONDS_PER_TICK = 10_000

/** CPU time a process of this machine has used, in µs; `undefined` where it is none, or the system does not say so. */
export function cpuOf(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // its name may hold blanks
    return (Number(fields[11]) + Number(fields[12])) * MICROSECONDS_PER_TICK
  } catch {
    return undefined
  }
}
