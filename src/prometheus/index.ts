export { type PrometheusEndpoint, type PrometheusOptions, startPrometheus } from './start-prometheus.ts'
