/** The places of the keys among the arguments of a command (key specifications of the Redis command reference). */
export type KeyPositions = (args: readonly unknown[]) => readonly number[]

const NONE: KeyPositions = () => []
const FIRST: KeyPositions = ({ length }) => (length > 0 ? [0] : [])
const FIRST_TWO: KeyPositions = ({ length }) => [0, 1].slice(0, length)
const SECOND: KeyPositions = ({ length }) => (length > 1 ? [1] : [])
const ALL: KeyPositions = (args) => args.map((_, i) => i)
const EVERY_OTHER: KeyPositions = (args) => args.map((_, i) => i).filter((i) => i % 2 === 0)
const ALL_BUT_FIRST: KeyPositions = (args) => args.map((_, i) => i).slice(1)
const COUNTED: KeyPositions = (args) => counted(args)
const STORE_COUNTED: KeyPositions = (args) => [0, ...counted(args)]

/** Commands that write, and whose keys are not just their first argument. */
const POSITIONS: Readonly<Record<string, KeyPositions>> = {
  publish: NONE,
  del: ALL,
  unlink: ALL,
  touch: ALL,
  pfmerge: ALL,
  sdiffstore: ALL,
  sinterstore: ALL,
  sunionstore: ALL,
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
  xgroup: SECOND,
  eval: COUNTED,
  evalsha: COUNTED,
  fcall: COUNTED,
  zdiffstore: STORE_COUNTED,
  zinterstore: STORE_COUNTED,
  zunionstore: STORE_COUNTED,
}

/** @param command in lower case */
export function keyPositions(command: string): KeyPositions {
  return Object.hasOwn(POSITIONS, command) ? POSITIONS[command]! : FIRST
}

/** The second argument says how many keys follow it. */
function counted(args: readonly unknown[]): number[] {
  const count = Math.min(Number(args[1]) || 0, args.length - 2)
  return Array.from({ length: Math.max(count, 0) }, (_, i) => i + 2)
}
