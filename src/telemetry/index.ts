export { BatchFlowInstrumentation, type BatchFlowInstrumentationConfig } from './instrumentation.ts'
export {
  ATTR,
  type AttributeName,
  METRICS,
  type MetricKind,
  type MetricSpec,
  prometheusLabel,
  prometheusName,
  prometheusType,
} from './metrics/catalogue.ts'
export { OtelMetricsReporter, type OtelMetricsReporterOptions } from './metrics/otel-reporter.ts'
export { SCOPE } from './scope.ts'
export { LinkedBatchSampler, type SamplerLike } from './tracing/linked-batch-sampler.ts'
export { OtelTracing, type OtelTracingOptions } from './tracing/otel-tracing.ts'
