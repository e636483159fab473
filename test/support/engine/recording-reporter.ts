export { type RecordedCall as Call, RecordingReporter } from '../../../src/testing/recording-reporter.ts'
