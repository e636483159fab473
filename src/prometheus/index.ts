export type { EndpointAddress, EndpointOptions } from './endpoint-options.ts'
export { BatchFlowPrometheusExporter, type PrometheusExporterOptions } from './exporter.ts'
export type { PageFormat } from './negotiate.ts'
export { type PrometheusEndpoint, type PrometheusOptions, startPrometheus } from './start-prometheus.ts'
