import type { Outcomes } from './outcome.ts'
import type { Pipeline } from './pipeline.ts'
import type { Step } from './queue.ts'

const ASKING = Buffer.from('*1\r\n$6\r\nASKING\r\n')
const SET = Buffer.from('*3\r\n$3\r\nset\r\n')
const NO_ENTRY = -1
export const PREAMBLE = -2

/** What goes over one connection: entries of a pipeline, in order. */
export interface Request {
  readonly pipeline: Pipeline
  readonly entries: readonly number[]
  readonly outcomes: Outcomes
  /** Tell the node to take keys that are being moved to it. */
  readonly asking: boolean
  /** Set pairs together. Then `entries` are all there are. */
  readonly joined: boolean
}

/** What is sent, in order. Commands of one name in entries side by side are one step. */
export function stepsOf(request: Request): readonly Step[] {
  const { pipeline, entries, asking } = request
  const { preamble, commands } = pipeline
  const steps: { name: string; place: number; count: number; times: number }[] = []
  if (preamble !== undefined) steps.push({ name: preamble.name, place: PREAMBLE, count: 0, times: 1 })
  const togetherAt = togetherOf(request)
  for (let place = 0; place < entries.length; ) {
    if (asking) steps.push({ name: 'asking', place: NO_ENTRY, count: 0, times: 1 })
    const count = togetherAt(place) || 1
    const [start, end] = pipeline.commandsOf(entries[place]!)
    for (let at = start; at < end; at++) {
      const name = count > 1 ? 'mset' : commands[at]!
      const last = steps.at(-1)
      const goesOn = last?.name === name && last.count === 1 && count === 1 && last.place + last.times === place
      if (goesOn && end - start === 1) last.times++
      else steps.push({ name, place, count, times: 1 })
    }
    place += count
  }
  return steps
}

/** The bytes of all of that. */
export function bytesOf(request: Request): Buffer {
  const { pipeline, entries, asking } = request
  const { bytes, ends, preamble } = pipeline
  const togetherAt = togetherOf(request)
  const parts: Buffer[] = preamble === undefined ? [] : [preamble.bytes]
  let from = 0
  let to = 0
  for (let place = 0; place < entries.length; ) {
    const entry = entries[place]!
    const pairs = togetherAt(place)
    const start = entry === 0 ? 0 : ends[entry - 1]!
    const head = pairs === 0 ? undefined : pairs === 1 ? SET : Buffer.from(`*${1 + 2 * pairs}\r\n$4\r\nmset\r\n`)
    if (asking || head !== undefined || start !== to) {
      parts.push(bytes.subarray(from, to))
      if (asking) parts.push(ASKING)
      if (head !== undefined) parts.push(head)
      from = start
    }
    place += pairs || 1
    to = ends[entries[place - 1]!]!
  }
  parts.push(bytes.subarray(from, to))
  return Buffer.concat(parts)
}

/** For places in order: how many pairs are sent together there, 0 where a command stands already. */
function togetherOf({ pipeline: { pairs }, entries, joined }: Request): (place: number) => number {
  let at = 0
  return (place) => {
    const entry = entries[place]!
    while (at < pairs.length && pairs[at]!.end <= entry) at++
    if (at === pairs.length || pairs[at]!.start > entry) return 0
    return joined ? pairs[at]!.end - entry : 1
  }
}
