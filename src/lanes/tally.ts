/** What became of the rows of one lane since the flow began: plain numbers, for whoever asks. */
export class Tally {
  /** Rows handed to the executor and not settled. */
  inFlight = 0
  committed = 0
  /** Rows that failed for good, dead letters among them. */
  failed = 0
  /** Those of them that the `deadLetter` handler took. */
  deadLettered = 0
  abandoned = 0
  /** Committed rows that changed nothing, as they were not newer than another one of their key. */
  superseded = 0
  /** Deletions that were carried out. */
  deleted = 0
  /** Rows refused before they were accepted. */
  rejected = 0
  /** Attempts that were repeated. */
  retried = 0
  /** Epoch, ms; only once somebody has asked for it. */
  lastCommitAt: number | undefined

  add(other: Tally): void {
    this.inFlight += other.inFlight
    this.committed += other.committed
    this.failed += other.failed
    this.deadLettered += other.deadLettered
    this.abandoned += other.abandoned
    this.superseded += other.superseded
    this.deleted += other.deleted
    this.rejected += other.rejected
    this.retried += other.retried
    if ((other.lastCommitAt ?? 0) > (this.lastCommitAt ?? 0)) this.lastCommitAt = other.lastCommitAt
  }
}
