import { setTimeout as sleep } from 'node:timers/promises'

export interface Reading {
  readonly sensor: number
  readonly at: Date
  readonly celsius: number
}

/**
 * Stands for a queue or a change stream: hands out messages as fast as they are asked for, some at a time, until it is
 * told to stop. Whoever reads it and stops asking is not sent any more.
 */
export async function* readings(stop: AbortSignal): AsyncGenerator<Reading> {
  for (let n = 0; !stop.aborted; n++) {
    yield { sensor: n % 100, at: new Date(), celsius: 20 + Math.sin(n / 1000) }
    if (n % 1000 === 999) await sleep(5)
  }
}
