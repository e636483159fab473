export type { SpoolDatabase, SpoolStatement } from './client.ts'
export type { SpoolDeadLetter } from './letters.ts'
export { type OpenSpoolOptions, openSpool } from './open-spool.ts'
export type { SpoolOptions } from './options.ts'
export { Spool, type SpoolStats, spool } from './spool.ts'
export { SpoolError, type SpoolReason } from './spool-error.ts'
export {
  SpoolPublisher,
  type SpoolPublisherOptions,
  type SpoolSubmitOptions,
  spoolPublisher,
} from './spool-publisher.ts'
export { type SpooledCloseSummary, SpooledFlow, type SpooledFlowStats } from './spooled-flow.ts'
