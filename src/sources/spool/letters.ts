/** A message that was put aside, with its original bytes and why. */
export interface SpoolDeadLetter {
  /** Grows with every letter. */
  readonly number: number
  readonly partition: number
  /** Where the message stood. */
  readonly position: string
  /** When it was accepted, in ms since 1970. */
  readonly acceptedAt: number | undefined
  /** In ms since 1970. */
  readonly putAsideAt: number
  /** `decode`: it could not be read; else the reason its row failed for. */
  readonly reason: string
  readonly table: string | undefined
  /** The database's own code. */
  readonly code: string | undefined
  readonly message: string
  /**
   * Of the message; `batchflow-row` says which of its rows failed, from 0, the first to fail where several did; then
   * `batchflow-failed` says how many, and `batchflow-rows` which and why, as JSON.
   */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

export type NewDeadLetter = Omit<SpoolDeadLetter, 'number'>

/** As it is in its table. */
export interface LetterRow {
  readonly number: number
  readonly partition: number
  readonly position: string
  readonly at: number | null
  readonly put_aside_at: number
  readonly reason: string
  readonly table_name: string | null
  readonly code: string | null
  readonly message: string
  readonly headers: string
  readonly body: string | Uint8Array
}

export function letterOf(row: LetterRow): SpoolDeadLetter {
  const { number, partition, position, at, put_aside_at, reason, table_name, code, message, headers, body } = row
  return {
    number,
    partition,
    position,
    acceptedAt: at ?? undefined,
    putAsideAt: put_aside_at,
    reason,
    table: table_name ?? undefined,
    code: code ?? undefined,
    message,
    headers: JSON.parse(headers),
    body: typeof body === 'string' ? body : bytesOf(body),
  }
}

/** Of libsql bytes come as an `ArrayBuffer`. */
export function bytesOf(body: Uint8Array | ArrayBuffer): Uint8Array {
  return ArrayBuffer.isView(body) ? body : new Uint8Array(body)
}
