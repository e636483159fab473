export {
  ATTR,
  type AttributeName,
  METRICS,
  type MetricKind,
  type MetricSpec,
  prometheusLabel,
  prometheusName,
  prometheusType,
  SCOPE,
} from './catalogue.ts'
export { BatchFlowInstrumentation, type BatchFlowInstrumentationConfig } from './instrumentation.ts'
export { OtelMetricsReporter, type OtelMetricsReporterOptions } from './otel-reporter.ts'
export { LinkedBatchSampler, type SamplerLike } from './sampler.ts'
export { OtelTracing, type OtelTracingOptions } from './tracing.ts'
