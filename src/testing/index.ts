export { MemoryDatabaseError } from './errors.ts'
export { ManualClock, settled } from './manual-clock.ts'
export { type FailOptions, type MemoryAttempt, MemoryDatabase } from './memory-database.ts'
export { type RecordedCall, RecordingReporter } from './recording-reporter.ts'
