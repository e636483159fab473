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
export { OtelMetricsReporter, type OtelMetricsReporterOptions } from './otel-reporter.ts'
