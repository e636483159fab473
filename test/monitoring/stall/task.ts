/** What a process of the stall is to do. */
export interface StallTask {
  readonly job: string
  readonly page: number
  readonly url: string
  readonly schema: string
  /** The table that will be locked. */
  readonly table: string
  /** `stream`: rows all the time, and to a table of their own beside it. `batch`: five rows when told to, and nothing else. */
  readonly load: 'stream' | 'batch'
}

export const FREE_TABLE = 'free'
