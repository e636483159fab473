/** Who is there and who has what, at one moment. */
export interface LeaseView {
  /** Those that are alive, in the order they came: names that sort so will do. */
  readonly members: readonly string[]
  /** By partition; one that nobody has is missing. */
  readonly owners: ReadonlyMap<string, string>
}

/**
 * Where leases are kept: a server that all workers of a group see and that has the time. A lease that is not renewed for `ttl`
 * ms is nobody's.
 */
export interface LeaseStore {
  /** Renews the member's presence and those leases in `held` (by partition, with their tokens) that are still its own; then looks around. */
  beat(member: string, held: ReadonlyMap<string, number>, ttl: number): Promise<LeaseView>
  /** Takes a lease that nobody has: its token is larger than any the partition had. `undefined`: somebody else has it. */
  take(partition: string, member: string, ttl: number): Promise<number | undefined>
  /** Gives a lease back, if it is still this one. */
  release(partition: string, member: string, token: number): Promise<void>
  /** The member is gone. */
  leave(member: string): Promise<void>
}

/** What a member is to do after a look around. */
export interface Moves {
  /** Believed to be ours, and somebody else's or nobody's. */
  readonly lost: readonly string[]
  /** To be given back, as others have fewer. */
  readonly surplus: readonly string[]
  /** Nobody's; as many of them may be taken as `room` says. */
  readonly free: readonly string[]
  readonly room: number
}

/**
 * Shares `partitions` out among the members: each has n/m of them, and those that came first one more where that does not come
 * out even. A newcomer so moves nobody else's share by more than one.
 *
 * @param held ours, as far as we know
 * @param leaving those of them that are being given back already
 */
export function movesOf(
  me: string,
  partitions: readonly string[],
  view: LeaseView,
  held: Iterable<string>,
  leaving: ReadonlySet<string>,
): Moves {
  const mine = [...held]
  const lost = mine.filter((partition) => view.owners.get(partition) !== me)
  const kept = mine.filter((partition) => !lost.includes(partition) && !leaving.has(partition))
  const { rank, quota } = shareOf(me, partitions.length, view.members)
  const free = partitions.filter((partition) => !view.owners.has(partition))
  const start = free.length === 0 ? 0 : (rank * quota) % free.length // members that look at once try different ones
  return {
    lost,
    surplus: kept.slice(quota),
    free: [...free.slice(start), ...free.slice(0, start)],
    room: Math.max(0, quota - kept.length),
  }
}

function shareOf(me: string, partitions: number, members: readonly string[]): { rank: number; quota: number } {
  const all = members.includes(me) ? members : [...members, me]
  const rank = all.indexOf(me)
  const more = rank < partitions % all.length ? 1 : 0
  return { rank, quota: Math.floor(partitions / all.length) + more }
}

/** A name for this worker: names sort in the order in which they were made, as far as the clocks of machines agree. */
export function memberName(now: number, random: string): string {
  return `${now.toString(36).padStart(9, '0')}-${random}`
}
