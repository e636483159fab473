import { type Check, integer, type OptionsOf, optional, parse, refuse } from '../../support/validate.ts'

/** The smallest and the largest value that may be chosen. */
export type Range = readonly [min: number, max: number]

export interface AdaptiveOptions {
  /**
   * Between which values `flushSize` is looked for, in rows; the option of that name says where to begin. The largest one counts
   * for the usual `bufferSize`.
   * @default from 100 to 4,000, or as far as `flushSize` and `bufferSize` allow
   */
  readonly flushSize?: readonly [min: number, max: number]
  /**
   * How many batches of this flow are written at once: between which values that is looked for. Never more than the executor's
   * concurrency limit, nor than the connections that the client opens at most, where that is known.
   * @default from 1 to as many as these two allow; 8 where there is neither
   */
  readonly concurrency?: readonly [min: number, max: number]
}

export interface AdaptiveSettings {
  readonly flushSize: Range
  readonly concurrency: Range
}

/** What the bounds depend on. */
export interface Surroundings {
  readonly flushSize: number
  /** As it was given. */
  readonly bufferSize: number | undefined
  /** That of the executor; 0: none. */
  readonly concurrencyLimit: number
  /** Those that the client opens at most, where the driver tells. */
  readonly connections: number | undefined
}

/** The most rows that any batch may have. */
export const MOST_FLUSH_SIZE = 1_000_000

const FLUSH_SIZE: Range = [100, 4000]
/** Batches at once where nothing is known of the client. */
const MOST_BATCHES = 8

/** @internal */
export const ADAPTIVE = {
  flushSize: optional(range(1, MOST_FLUSH_SIZE)),
  concurrency: optional(range(1, 1000)),
} satisfies OptionsOf<AdaptiveOptions>

/** `true`: with its defaults. */
export const adaptiveOptions: Check<AdaptiveOptions | false> = (name, value) => {
  if (value === true) return {}
  if (value === false) return value
  if (typeof value === 'object' && value !== null) return parse(name, ADAPTIVE, value) as AdaptiveOptions
  return refuse(name, 'true, false or an object', value)
}

export function adaptiveSettings(given: AdaptiveOptions, around: Surroundings): AdaptiveSettings {
  const { flushSize, bufferSize = MOST_FLUSH_SIZE, concurrencyLimit, connections = Number.POSITIVE_INFINITY } = around
  const most = Math.min(bufferSize, Math.max(FLUSH_SIZE[1], flushSize))
  const least = Math.min(FLUSH_SIZE[0], flushSize, most)
  const batches = Math.min(concurrencyLimit === 0 ? Number.POSITIVE_INFINITY : concurrencyLimit, connections)
  const usual: Range = [1, batches === Number.POSITIVE_INFINITY ? MOST_BATCHES : batches]
  return {
    flushSize: given.flushSize ?? [least, most],
    concurrency: within([1, batches], given.concurrency ?? usual),
  }
}

/** The part of `range` that lies in `bounds`. */
function within(bounds: Range, range: Range): Range {
  return [clamp(bounds, range[0]), clamp(bounds, range[1])]
}

/** What is nearest to `value` in `range`. */
export function clamp([min, max]: Range, value: number): number {
  return Math.min(max, Math.max(min, value))
}

/** Two integers, the second one not below the first. */
function range(least: number, most: number): Check<Range> {
  return (name, value) => {
    if (!Array.isArray(value) || value.length !== 2) return refuse(name, 'an array of two integers', value)
    const min = integer(least, most)(`${name}[0]`, value[0])
    return [min, integer(min, most)(`${name}[1]`, value[1])]
  }
}
