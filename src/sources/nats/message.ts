import type { MsgHdrs } from '@nats-io/transport-node'
import type { Message } from '../../consume/source.ts'
import type { Delivered } from './pull.ts'

/** A message that still knows its headers as they were sent, for a letter about it. */
export interface NatsMessage extends Message {
  readonly sent?: MsgHdrs | undefined
}

/** The position is the sequence in the stream: digits, without a sign or leading zeros. */
export function messageOf({ sequence, time, message }: Delivered, redelivered: number): NatsMessage {
  const headers: Record<string, string> = {}
  const { data: body, headers: sent } = message
  if (sent !== undefined) for (const [name, values] of sent) headers[name.toLowerCase()] = values[0] ?? ''
  const times = redelivered > 0 ? { redelivered } : {}
  return { position: String(sequence), body, headers, sent, publishedAt: time, ...times }
}

/** The sequence of a position; `''` is before all. */
export const sequenceOf = (position: string): number => Number(position)

/** Sequences by their numbers; they stay below 2^53, where numbers are exact. */
export const comparePositions = (a: string, b: string): number => sequenceOf(a) - sequenceOf(b)
