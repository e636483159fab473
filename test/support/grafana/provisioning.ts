/**
 * Schemas of Grafana's provisioning files: the fields it documents, and of what is free there (`jsonData`) those of the two
 * data sources used here. Grafana ignores a field it does not know, so that a slip of the pen would go unnoticed; these do not.
 * https://grafana.com/docs/grafana/latest/administration/provisioning/
 */
const text = { type: 'string', minLength: 1 } as const
const flag = { type: 'boolean' } as const
const duration = { type: 'string', pattern: '^-?\\d+(ms|s|m|h|d)$' } as const

const object = (properties: object, required: readonly string[] = []) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})

const list = (items: object) => ({ type: 'array', items, minItems: 1 })

const PROMETHEUS = object({
  httpMethod: { enum: ['GET', 'POST'] },
  prometheusType: { enum: ['Prometheus', 'Mimir', 'Thanos', 'Cortex'] },
  prometheusVersion: text,
  timeInterval: duration,
  queryTimeout: duration,
  manageAlerts: flag,
  exemplarTraceIdDestinations: list(
    object({ name: text, datasourceUid: text, url: text, urlDisplayLabel: text }, ['name']),
  ),
})

const JAEGER = object({
  nodeGraph: object({ enabled: flag }),
  tracesToMetrics: object(
    {
      datasourceUid: text,
      spanStartTimeShift: duration,
      spanEndTimeShift: duration,
      tags: list(object({ key: text, value: text }, ['key'])),
      queries: list(object({ name: text, query: text }, ['query'])),
    },
    ['datasourceUid'],
  ),
})

const dataSource = (type: string, jsonData: object) => ({
  if: { properties: { type: { const: type } } },
  // biome-ignore lint/suspicious/noThenProperty: the word is that of JSON Schema
  then: { properties: { jsonData } },
})

export const DATA_SOURCES = object(
  {
    apiVersion: { const: 1 },
    prune: flag,
    deleteDatasources: list(object({ name: text, orgId: { type: 'integer' } }, ['name'])),
    datasources: list({
      ...object(
        {
          name: text,
          type: { enum: ['prometheus', 'jaeger'] },
          uid: { type: 'string', pattern: '^[a-zA-Z0-9_-]{1,40}$' },
          access: { enum: ['proxy', 'direct'] },
          orgId: { type: 'integer' },
          url: text,
          user: text,
          database: text,
          basicAuth: flag,
          basicAuthUser: text,
          withCredentials: flag,
          isDefault: flag,
          editable: flag,
          version: { type: 'integer' },
          jsonData: { type: 'object' },
          secureJsonData: { type: 'object' },
        },
        ['name', 'type'],
      ),
      allOf: [dataSource('prometheus', PROMETHEUS), dataSource('jaeger', JAEGER)],
    }),
  },
  ['apiVersion', 'datasources'],
)

export const DASHBOARDS = object(
  {
    apiVersion: { const: 1 },
    providers: list(
      object(
        {
          name: text,
          orgId: { type: 'integer' },
          folder: { type: 'string' },
          folderUid: text,
          type: { const: 'file' },
          disableDeletion: flag,
          updateIntervalSeconds: { type: 'integer', minimum: 1 },
          allowUiUpdates: flag,
          options: object({ path: text, foldersFromFilesStructure: flag }, ['path']),
        },
        ['name', 'type', 'options'],
      ),
    ),
  },
  ['apiVersion', 'providers'],
)
