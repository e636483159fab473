import type { PartitionLag } from '../../consume/source.ts'
import { millisecondsOf } from './entry.ts'

/** What the script `LAG` returns; nothing where there is no group. */
export type LagReply =
  | readonly [
      pending: number,
      behind: number,
      oldest: Buffer,
      length: number,
      first: Buffer,
      last: Buffer,
      delivered: Buffer,
      now: Buffer,
    ]
  | readonly []

/**
 * Messages that are not acknowledged and the age of the oldest, by the server's clock. Redis before 7, and any where messages were
 * deleted, does not know how many follow the last one read: then it is estimated from where that stands in time between the
 * first and the last.
 */
export function lagOf(reply: LagReply): PartitionLag {
  if (reply.length === 0) return { messages: 0, seconds: 0 }
  const [pending, behind, oldest, length, first, last, delivered, now] = reply
  const messages = pending + (behind >= 0 ? behind : estimate(length, String(first), String(last), String(delivered)))
  const since = String(oldest)
  const seconds = since === '' ? 0 : Math.max(0, Number(String(now)) - millisecondsOf(since)) / 1000
  return { messages, seconds }
}

function estimate(length: number, first: string, last: string, delivered: string): number {
  if (length === 0) return 0
  const [start, end, at] = [first, last, delivered].map(millisecondsOf) as [number, number, number]
  if (delivered === last || at > end) return 0
  if (at < start) return length
  return Math.max(1, Math.round((length * (end - at)) / Math.max(1, end - start)))
}
