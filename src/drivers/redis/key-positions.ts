/** The places of the keys among the arguments of a command (key specifications of the Redis command reference). */
export type KeyPositions = (args: readonly unknown[]) => readonly number[]

const NONE: KeyPositions = () => []
const FIRST: KeyPositions = ({ length }) => (length > 0 ? [0] : [])
const FIRST_TWO: KeyPositions = ({ length }) => [0, 1].slice(0, length)
const SECOND: KeyPositions = ({ length }) => (length > 1 ? [1] : [])
const ALL: KeyPositions = (args) => args.map((_, i) => i)
const EVERY_OTHER: KeyPositions = (args) => args.map((_, i) => i).filter((i) => i % 2 === 0)
const ALL_BUT_FIRST: KeyPositions = (args) => args.map((_, i) => i).slice(1)
const COUNTED: KeyPositions = (args) => counted(args, 0)
const COUNTED_PAIRS: KeyPositions = (args) => counted(args, 0, 2)
const COUNTED_SECOND: KeyPositions = (args) => counted(args, 1)
const STORE_COUNTED: KeyPositions = (args) => [0, ...counted(args, 1)]

/** The key, the patterns that other keys are made by, and where to store. */
const SORT: KeyPositions = (args) => [
  ...FIRST(args),
  ...valuesOf(args, 1, { by: 1, get: 1, limit: 2, store: 1 })
    .filter(([option, place]) => option === 'store' || String(args[place]).includes('*'))
    .map(([, place]) => place),
]

/** @param from place of the first option */
function geoRadius(from: number): KeyPositions {
  return (args) => [
    ...FIRST(args),
    ...valuesOf(args, from, { count: 1, store: 1, storedist: 1 })
      .filter(([option]) => option !== 'count')
      .map(([, place]) => place),
  ]
}

/** One key in the middle, or in its place an empty text, and keys at the end. */
const MIGRATE: KeyPositions = (args) => {
  if (args[2] !== '') return args.length > 2 ? [2] : []
  const keys = valuesOf(args, 5, { auth: 1, auth2: 2, keys: args.length }).find(([option]) => option === 'keys')
  return keys === undefined ? [] : ALL(args).slice(keys[1])
}

/** Commands whose keys are not just their first argument: all that write, and those like them that read. */
const POSITIONS: Readonly<Record<string, KeyPositions>> = {
  flushall: NONE,
  flushdb: NONE,
  function: NONE,
  publish: NONE,
  script: NONE,
  swapdb: NONE,
  del: ALL,
  exists: ALL,
  mget: ALL,
  pfcount: ALL,
  pfmerge: ALL,
  sdiff: ALL,
  sdiffstore: ALL,
  sinter: ALL,
  sinterstore: ALL,
  sunion: ALL,
  sunionstore: ALL,
  touch: ALL,
  unlink: ALL,
  mset: EVERY_OTHER,
  msetnx: EVERY_OTHER,
  bitop: ALL_BUT_FIRST,
  copy: FIRST_TWO,
  geosearchstore: FIRST_TWO,
  lmove: FIRST_TWO,
  rename: FIRST_TWO,
  renamenx: FIRST_TWO,
  rpoplpush: FIRST_TWO,
  smove: FIRST_TWO,
  zrangestore: FIRST_TWO,
  memory: SECOND,
  object: SECOND,
  pfdebug: SECOND,
  xgroup: SECOND,
  xinfo: SECOND,
  lmpop: COUNTED,
  sintercard: COUNTED,
  zdiff: COUNTED,
  zinter: COUNTED,
  zintercard: COUNTED,
  zmpop: COUNTED,
  zunion: COUNTED,
  msetex: COUNTED_PAIRS,
  eval: COUNTED_SECOND,
  eval_ro: COUNTED_SECOND,
  evalsha: COUNTED_SECOND,
  evalsha_ro: COUNTED_SECOND,
  fcall: COUNTED_SECOND,
  fcall_ro: COUNTED_SECOND,
  zdiffstore: STORE_COUNTED,
  zinterstore: STORE_COUNTED,
  zunionstore: STORE_COUNTED,
  sort: SORT,
  sort_ro: SORT,
  georadius: geoRadius(5),
  georadiusbymember: geoRadius(4),
  migrate: MIGRATE,
}

/** @param command in lower case */
export function keyPositions(command: string): KeyPositions {
  return Object.hasOwn(POSITIONS, command) ? POSITIONS[command]! : FIRST
}

/** The argument at `place` says how many keys follow it, each `step` places behind the one before. */
function counted(args: readonly unknown[], place: number, step = 1): number[] {
  const most = Math.ceil((args.length - place - 1) / step)
  const count = Math.min(Number(args[place]) || 0, most)
  return Array.from({ length: Math.max(count, 0) }, (_, i) => place + 1 + i * step)
}

/**
 * The options from `from` on that have a value, with the place of their first one, in order.
 *
 * @param lengths how many values each has; those not named have none
 */
function valuesOf(
  args: readonly unknown[],
  from: number,
  lengths: Readonly<Record<string, number>>,
): [option: string, place: number][] {
  const found: [string, number][] = []
  for (let i = from; i < args.length - 1; i++) {
    const option = String(args[i]).toLowerCase()
    if (!Object.hasOwn(lengths, option)) continue
    found.push([option, i + 1])
    i += lengths[option]!
  }
  return found
}
