import { type AdaptiveSettings, clamp } from './options.ts'

/** How a flow makes its batches. */
export interface Setting {
  /** Rows. */
  readonly flushSize: number
  /** Batches at once. */
  readonly concurrency: number
}

/** Another setting to be tried. */
export interface Step {
  readonly to: Setting
  /** The logarithm of how many times as fast it has to be; below 0: how much slower it may be. */
  readonly least: number
}

/** Whether more of something is asked for, or less. */
export type Direction = 1 | -1

/** The next setting in a direction; `undefined`: it ends here. */
export type Axis = (at: Setting, direction: Direction) => Step | undefined

/**
 * How much the rate has to grow with the logarithm of a step for that step to be worth it, and how much less is enough to stay:
 * where both were the same, the same step would be taken and taken back.
 */
const WORTH = { flushSize: 0.02, concurrency: 0.05 } as const
const KEEP = 2 / 3

/** By twos: near the best size a factor of 1.4 changes less than can be measured. */
export function flushSizes({ flushSize: range }: AdaptiveSettings): Axis {
  return (at, direction) => {
    const to = Math.round(at.flushSize * 2 ** direction)
    return stepTo('flushSize', at, clamp(range, to))
  }
}

/** By halves upwards, by thirds downwards. */
export function concurrencies({ concurrency: range }: AdaptiveSettings): Axis {
  return (at, direction) => {
    const by = Math.max(1, Math.floor(at.concurrency / (direction > 0 ? 2 : 3)))
    return stepTo('concurrency', at, clamp(range, at.concurrency + direction * by))
  }
}

/** One batch more at once, which has to bring half of what it brings where nothing else limits the pace. */
export function oneMore(at: Setting, { concurrency: [, most] }: AdaptiveSettings): Step | undefined {
  const concurrency = at.concurrency + 1
  if (concurrency > most) return undefined
  return { to: { ...at, concurrency }, least: Math.log(concurrency / at.concurrency) / 2 }
}

function stepTo(what: keyof Setting, at: Setting, value: number): Step | undefined {
  if (value === at[what]) return undefined
  const growth = WORTH[what] * Math.log(value / at[what])
  return { to: { ...at, [what]: value }, least: growth > 0 ? growth : growth * KEEP }
}
