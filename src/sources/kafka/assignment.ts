/** What a member of the group says when it joins. */
export interface Claim {
  /** Partitions it has rows of in its hands: nobody else may have them before it has put them down. */
  readonly owned: readonly number[]
  /** Of the group, when it was given these. */
  readonly generation: number
  /** Partitions of the topic, as far as it knows. */
  readonly count: number
}

/**
 * Who reads which of `count` partitions next. Shares differ by one at most, and nobody loses a partition for less. One that
 * is to move is taken from its owner now and given to nobody: the owner puts it down and joins again, then it is free. So
 * nobody stops for a partition that stays, and no partition has two owners.
 */
export function assign(claims: ReadonlyMap<string, Claim>, count: number): Map<string, number[]> {
  const owners = ownersOf(claims, count)
  const shares = new Map([...claims.keys()].map((member) => [member, [] as number[]]))
  for (const [partition, member] of owners) shares.get(member)?.push(partition)
  const quotas = quotasOf(shares, count)
  for (const [member, share] of shares) share.splice(quotas.get(member) ?? 0)
  const free = Array.from({ length: count }, (_, partition) => partition).filter((partition) => !owners.has(partition))
  for (const [member, share] of shares) {
    share.push(...free.splice(0, Math.max(0, (quotas.get(member) ?? 0) - share.length)))
  }
  return shares
}

/** Two claims to one partition: whoever was told so later is right. */
function ownersOf(claims: ReadonlyMap<string, Claim>, count: number): Map<number, string> {
  const owners = new Map<number, string>()
  const latestFirst = [...claims].sort(([a, x], [b, y]) => y.generation - x.generation || (a < b ? -1 : 1))
  for (const [member, { owned }] of latestFirst) {
    for (const partition of [...owned].sort((a, b) => a - b)) {
      if (partition < count && !owners.has(partition)) owners.set(partition, member)
    }
  }
  return owners
}

/** The remainder goes to those who have the most already. */
function quotasOf(shares: ReadonlyMap<string, readonly number[]>, count: number): Map<string, number> {
  const least = Math.floor(count / shares.size)
  const more = count % shares.size
  const mostFirst = [...shares].sort(([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1))
  return new Map(mostFirst.map(([member], index) => [member, least + (index < more ? 1 : 0)]))
}

export function encodeClaim(claim: Claim): Buffer {
  return Buffer.from(JSON.stringify(claim))
}

/** A member that says nothing of the kind claims nothing. */
export function decodeClaim(bytes: Uint8Array | string | null | undefined): Claim {
  try {
    const { owned, generation, count } = JSON.parse(String(bytes ?? '')) as Partial<Claim>
    if (!Array.isArray(owned)) return NOTHING
    return { owned: owned.filter(Number.isInteger), generation: Number(generation) || 0, count: Number(count) || 0 }
  } catch {
    return NOTHING
  }
}

const NOTHING: Claim = { owned: [], generation: 0, count: 0 }
