export type { ColumnNames } from './contract/columns.ts'
export type { Companion, Companions } from './contract/companion.ts'
export { type Change, type Deletion, type DeletionKey, deletion, isDeletion } from './contract/deletion.ts'
export {
  type AttemptContext,
  AttemptError,
  type AttemptErrorDetails,
  type BatchInput,
  type Driver,
  type DriverTarget,
  type Fence,
  type Operation,
  type RowFailure,
} from './contract/driver.ts'
export {
  AbandonedError,
  AbortedError,
  AttemptTimeoutError,
  ClosedError,
  CompanionError,
  FencedError,
  FullError,
  InvalidRowError,
  type RowFailedDetails,
  RowFailedError,
  StreamFailedError,
  TableCheckError,
} from './contract/errors.ts'
export {
  type AdaptiveProbe,
  type ExecutorProbe,
  type FlowMetrics,
  type FlowProbe,
  type FlushTrigger,
  type MessageOutcome,
  type MetricsReporter,
  noopReporter,
  type Outage,
  type RejectReason,
  type SourceProbe,
  type Status,
  type TableMetrics,
  type TableProbe,
} from './contract/metrics-reporter.ts'
export type { Classification, Classifier, KnownReason, Reason } from './contract/reasons.ts'
export {
  type Absent,
  type ColumnUpdate,
  type ColumnUpdateOf,
  type ColumnUpdates,
  type Combine,
  type ConflictAction,
  type ConflictSql,
  columnOf,
  defineTable,
  type OnConflict,
  type Row,
  type SqlName,
  type Table,
  type TableOptions,
} from './contract/table.ts'
export type { ColumnFacts, Finding, RightFacts, TableFacts } from './contract/table-facts.ts'
export type {
  AttemptFailure,
  AttemptTrace,
  BatchInfo,
  BatchOutcome,
  BatchTrace,
  FlowInfo,
  FlowTracing,
  OutageWait,
  ProcessInfo,
  ProcessOutcome,
  ProcessTrace,
  Tracing,
} from './contract/tracing.ts'
export type { FailedRow, WriteOptions, WriteResult } from './contract/write-result.ts'
export { type DeadLetterFile, type DeadLetterFileOptions, deadLetterFile } from './dead-letters/dead-letter-file.ts'
export { type DeadLetterRow, deadLetterTo } from './dead-letters/dead-letter-to.ts'
export { DeadLetterFileError } from './dead-letters/errors.ts'
export { replayDeadLetters } from './dead-letters/replay.ts'
export type { ReplayOptions, ReplayProgress, ReplaySummary, ReplayTables } from './dead-letters/replay-options.ts'
export { registerErrorClassifier } from './executor/classify.ts'
export { createExecutor, type Executor } from './executor/executor.ts'
export type { OperationPreview, Preview, PreviewOptions } from './executor/preview.ts'
export type { RetryOptions } from './executor/retry.ts'
export type { AdaptiveOptions } from './flow/adaptive/options.ts'
export { BatchFlow } from './flow/batch-flow.ts'
export type { Logger, LogOptions } from './flow/batch-log.ts'
export type { DeliverOptions } from './flow/call-options.ts'
export { type CloseOnSignalsOptions, closeOnSignals } from './flow/close-on-signals.ts'
export type { DeadLetter, DeadLetterHandler } from './flow/dead-letters.ts'
export type { Flow, SubmitOptions } from './flow/flow.ts'
export type { FlowHealth } from './flow/health-check.ts'
export { type HealthOptions, healthHandler } from './flow/health-handler.ts'
export type { CloseOptions } from './flow/lifecycle.ts'
export type { BatchLogLine, LogLine, OutageLogLine } from './flow/log-line.ts'
export type { BatchFlowOptions, OverflowPolicy } from './flow/options.ts'
export type { AbandonedRow, CloseSummary } from './flow/outcomes.ts'
export type { Rows } from './flow/row-source.ts'
export type { FlowStats, TableStats } from './flow/stats.ts'
export type { Receipt, Receiver } from './lanes/waiter.ts'
export { BatchFlowError, type ErrorCode, OptionError } from './support/batchflow-error.ts'
export type { Clock, Timer } from './support/clock.ts'
