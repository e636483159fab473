/** The most rows from one that is sampled to the next. */
const MOST_APART = 2 ** 30

/** Trials until the first success at probability 1/`mean`, as the engine keeps small whole numbers: it is counted down per row. */
export function geometric(mean: number): number {
  if (mean === 1) return 1
  return Math.min(Math.ceil(Math.log1p(-Math.random()) / Math.log1p(-1 / mean)) || 1, MOST_APART) | 0
}
