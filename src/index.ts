export type { Receipt } from './batch.ts'
export { BatchFlow, type SubmitOptions } from './batch-flow.ts'
export type { BatchLogLine, Logger, LogOptions } from './batch-log.ts'
export { registerErrorClassifier } from './classifiers.ts'
export type { Clock, Timer } from './clock.ts'
export {
  type AttemptContext,
  AttemptError,
  type BatchInput,
  type Driver,
  type DriverTarget,
  type Operation,
  type RowFailure,
} from './drivers/driver.ts'
export {
  AbandonedError,
  AbortedError,
  AttemptTimeoutError,
  BatchFlowError,
  ClosedError,
  type ErrorCode,
  InvalidRowError,
  OptionError,
  RowFailedError,
  StreamFailedError,
} from './errors.ts'
export { createExecutor, type Executor } from './executor.ts'
export type { BatchFlowOptions, DeadLetter, DeadLetterHandler } from './flow-options.ts'
export type { CloseOptions, CloseSummary } from './lifecycle.ts'
export type { OperationPreview, Preview, PreviewOptions } from './preview.ts'
export type { Classification, Classifier, KnownReason, Reason } from './reasons.ts'
export type { RetryOptions } from './retry.ts'
export { type ConflictAction, defineTable, type OnConflict, type Row, type Table, type TableOptions } from './table.ts'
export {
  type ExecutorProbe,
  type FlowMetrics,
  type FlowProbe,
  type FlushTrigger,
  type MetricsReporter,
  noopReporter,
  type RejectReason,
  type Status,
  type TableMetrics,
} from './telemetry/reporter.ts'
export type {
  AttemptFailure,
  AttemptTrace,
  BatchOrigin,
  BatchOutcome,
  BatchTrace,
  FlowOrigin,
  FlowTracing,
  Tracing,
} from './telemetry/trace.ts'
