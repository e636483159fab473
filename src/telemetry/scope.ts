/** Name and version of the meter. The version is that of package.json. No schema URL: exporters make it a label. */
export const SCOPE = { name: 'batchflow-otel', version: '0.1.0' } as const
