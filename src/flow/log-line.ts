/** One settled batch; never a value of a row. */
export interface BatchLogLine {
  /** Tells it from an {@link OutageLogLine}. */
  readonly outage?: undefined
  readonly database: string
  readonly table: string
  readonly status: 'success' | 'fail'
  readonly reason?: string
  /** The database's own code. */
  readonly code?: string
  /** Rows written or tried. */
  readonly rows: number
  /** Rows accepted into the batch; more than `rows` where rows of one key were merged. */
  readonly accepted: number
  readonly failed: number
  /** Failed rows that may be in the table nevertheless; absent where there are none. */
  readonly ambiguous?: number
  /** What the database said, where that holds no value of a row. */
  readonly detail?: string
  readonly attempts: number
  readonly trigger: string
  readonly durationMs: number
  /** Stands for the operation's text; the same as in a preview. */
  readonly fingerprint?: string
  readonly traceId?: string
  readonly spanId?: string
}

/** Begin or end of a time in which the database takes no batch. */
export interface OutageLogLine {
  readonly outage: 'began' | 'ended'
  readonly database: string
  /** It concerns all tables. */
  readonly table?: undefined
  readonly reason: string
  /** The database's own code, or the client's. */
  readonly code?: string
  /** What the database or its client said when it began, where that holds no value of a row. */
  readonly detail?: string
  /** Rows of this flow that are accepted and not settled. */
  readonly waiting: number
  /** How long it lasted; only when it ended. */
  readonly durationMs?: number
  /** How often the database was asked whether it is back; only when it ended. */
  readonly looks?: number
}

export type LogLine = BatchLogLine | OutageLogLine
