import type { AdaptiveSettings } from './options.ts'
import { Pace } from './pace.ts'
import { type Axis, concurrencies, type Direction, flushSizes, oneMore, type Setting, type Step } from './steps.ts'

/** A setting whose pace is asked for. */
export interface Question {
  readonly setting: Setting
  /** It is compared with another, which stays in force until this one proves to be better. */
  readonly isTrial: boolean
}

/** What became of a measurement. Of a trial alone: its batches tell nothing, or an outage came between. */
export type Answer = Pace | 'silence' | 'disturbed'

/** Asks for one pace after the other. */
export type Search<Result = never> = Generator<Question, Result, Answer>

/** How often two settings are measured in turn at most, until it is clear which one is better. */
const ROUNDS = 8
/**
 * In standard errors: how clear that has to be; how likely, where nothing is clear when all rounds are over; and how unlikely,
 * for it to be given up before. To stay is always possible, so it takes less.
 */
const CLEAR = 3
const LIKELY = 1
const UNLIKELY = 0.5
/** Rounds before anything is taken; one more before it is given up as unlikely. */
const ROUNDS_AT_LEAST = 2

/** How often flush size and concurrency are gone through, as each depends on the other. */
const PASSES = 3

/**
 * What counts as another pace than usual (a logarithm), and for how many measurements in a row it has to: for twice as many
 * each time when nothing better was found, as on a machine where others come and go.
 */
const OTHERWISE = 0.25
const IN_A_ROW = 3
const MOST_IN_A_ROW = 24
/** Of how many measurements the usual pace is made. */
const USUAL = 8
/** After how many measurements one looks around, at first and at most. */
const PATIENCE = 32
const MOST_PATIENCE = 512

/**
 * Climbs to where rows are committed fastest, and stays there until the pace changes: hill climbing on what is to be made
 * large, measured, as PCC does for networks. Rules made for requests follow latency (Vegas, gradients) or errors (AIMD); but a
 * larger batch takes longer and is better nevertheless, a healthy database refuses none, and both never cease to move. Two
 * settings are measured in turn, so that what changes meanwhile changes for both.
 */
export function* search(start: Setting, bounds: AdaptiveSettings): Search {
  const paths = [upwards(flushSizes(bounds)), downwards(concurrencies(bounds))]
  let at = yield* climb(start, paths)
  for (let inARow = IN_A_ROW; ; ) {
    const next = yield* climb(yield* rest(at, oneMore(at, bounds), inARow), paths)
    inARow = next === at ? Math.min(MOST_IN_A_ROW, 2 * inARow) : IN_A_ROW
    at = next
  }
}

/** One way after the other, until none leads on. */
function* climb(start: Setting, paths: readonly Path[]): Search<Setting> {
  let at = start
  for (let pass = 0; pass < PASSES; pass++) {
    const before = at
    for (const path of paths) at = yield* path(at)
    if (at === before) break
  }
  return at
}

/** A way from a setting to a better one, or to itself. */
type Path = (from: Setting) => Search<Setting>

/** Up, or else down: on level ground nobody turns round. */
function upwards(axis: Axis): Path {
  return function* (from) {
    const at = yield* walk(axis, 1, from)
    return at === from ? yield* walk(axis, -1, from) : at
  }
}

/** Down, or else up: too few batches at once show at once, too many in no pace. */
function downwards(axis: Axis): Path {
  return function* (from) {
    const at = yield* walk(axis, -1, from)
    return at === from ? yield* walk(axis, 1, from) : at
  }
}

function* walk(axis: Axis, direction: Direction, from: Setting): Search<Setting> {
  let at = from
  for (let step = axis(at, direction); step !== undefined; step = axis(at, direction)) {
    if (!(yield* isWorth(step, at))) break
    at = step.to
  }
  return at
}

function* isWorth(step: Step, from: Setting, likely = LIKELY): Search<boolean> {
  for (;;) {
    const verdict = yield* compare(step, from, likely)
    if (verdict !== 'disturbed') return verdict
  }
}

/** @param likely how far above what it has to be the gain must lie where nothing is clear, in standard errors */
function* compare({ to, least }: Step, from: Setting, likely: number): Search<boolean | 'disturbed'> {
  const [here, there] = [new Pace(), new Pace()]
  const gains: number[] = []
  for (let round = 1; ; round++) {
    const usual = yield* paceOf(from)
    const tried = yield { setting: to, isTrial: true }
    if (!(tried instanceof Pace)) return tried === 'disturbed' && tried
    here.add(usual)
    there.add(tried)
    gains.push(tried.against(usual).gain)
    const { gain, error: within } = there.against(here)
    const error = Math.max(within, errorOf(gains))
    const lead = gain - least
    if (lead < -CLEAR * error) return false
    if (round < ROUNDS_AT_LEAST) continue
    if (lead > CLEAR * error) return true
    if (round > ROUNDS_AT_LEAST && lead < -UNLIKELY * error) return false
    if (round === ROUNDS) return lead > likely * error
  }
}

/** The standard error of their mean: others on the machine come and go for longer than a batch takes. */
function errorOf(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return Math.sqrt(squares / values.length / Math.max(1, values.length - 1))
}

/** That of the setting in force: it is waited for. */
function* paceOf(setting: Setting): Search<Pace> {
  for (;;) {
    const pace = yield { setting, isTrial: false }
    if (pace instanceof Pace) return pace
  }
}

/**
 * Stays until the pace is another one than usual. Where a database was not the limit, that it has become faster shows in no
 * pace: so every now and then, ever more seldom, one batch more at once is tried.
 */
function* rest(at: Setting, more: Step | undefined, inARow: number): Search<Setting> {
  const usual = new Pace()
  let patience = PATIENCE
  let strange = 0
  for (let measured = 1; strange < inARow; measured++) {
    const now = yield* paceOf(at)
    const isOther = measured > 1 && Math.abs(now.against(usual).gain) > OTHERWISE
    strange = isOther ? strange + 1 : 0
    if (!isOther && measured <= USUAL) usual.add(now)
    if (more === undefined || measured % patience !== 0) continue
    patience = Math.min(MOST_PATIENCE, 2 * patience)
    if (yield* isWorth(more, at, CLEAR)) return more.to
  }
  return at
}
