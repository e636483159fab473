import type { Message } from '../../consume/source.ts'
import type { Delivered } from './pull.ts'

/** The position is the sequence in the stream: digits, without a sign or leading zeros. */
export function messageOf({ sequence, time, message }: Delivered, redelivered: number): Message {
  const headers: Record<string, string> = {}
  if (message.headers !== undefined) {
    for (const [name, values] of message.headers) headers[name.toLowerCase()] = values[0] ?? ''
  }
  const body = message.data
  return { position: String(sequence), body, headers, publishedAt: time, ...(redelivered > 0 && { redelivered }) }
}

/** The sequence of a position; `''` is before all. */
export const sequenceOf = (position: string): number => Number(position)

/** Sequences by their numbers; they stay below 2^53, where numbers are exact. */
export const comparePositions = (a: string, b: string): number => sequenceOf(a) - sequenceOf(b)
