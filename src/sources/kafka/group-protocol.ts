import { assign, type Claim, decodeClaim, encodeClaim } from './assignment.ts'

/** Members of one group must agree on how they share, and on what; ours say so by this name and the topic's. */
const PROTOCOL = 'batchflow-sticky-1'

export type Members = ReadonlyMap<string, { readonly metadata?: Uint8Array | string | null }>
export type Topics = { readonly topics: ReadonlyMap<string, { readonly partitionsCount: number }> }

export interface Joined {
  readonly memberId: string
  readonly generationId: number
  readonly assignments?: readonly { readonly topic: string; readonly partitions: readonly number[] }[] | null
}

/** The client reads `metadata` whenever it joins. */
export function protocolOf(topic: string, claim: () => Claim): object {
  return {
    name: `${PROTOCOL}:${topic}`,
    version: 0,
    get metadata() {
      return encodeClaim(claim())
    },
  }
}

/** Who reads what, as the client wants it of the member that leads the group. */
export function assignments(topic: string, members: Members, metadata: Topics): object[] {
  const claims = new Map([...members].map(([id, { metadata: bytes }]) => [id, decodeClaim(bytes)] as [string, Claim]))
  const counts = [...claims.values()].map(({ count }) => count)
  const count = Math.max(metadata.topics.get(topic)?.partitionsCount ?? 0, ...counts)
  return [...assign(claims, count)].map(([memberId, partitions]) => {
    return { memberId, assignments: new Map([[topic, { topic, partitions }]]) }
  })
}
