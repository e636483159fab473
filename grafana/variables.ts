import * as model from '@grafana/grafana-foundation-sdk/dashboard'
import { METRICS, prometheusName } from '../src/telemetry/metrics/catalogue.ts'
import { FILTERED } from './promql.ts'
import type { Language, Text } from './spec.ts'

/** As Grafana writes a reference to one, `${name}`. */
export function variable(name: string): string {
  return `\${${name}}`
}

export const DATASOURCE = { type: 'prometheus', uid: variable('datasource') } as const

/** The trace store that exemplars and links lead to; grafana/provisioning gives it this uid. */
export const TRACE_STORE = 'batchflow-traces'

const BATCHES = prometheusName(METRICS.batches)

/** What the labels are called, on variables and in tables. */
export const LABELS = {
  job: { en: 'Job', zh: '作业' },
  instance: { en: 'Instance', zh: '实例' },
  database: { en: 'Database', zh: '数据库' },
  table: { en: 'Table', zh: '表' },
  test_name: { en: 'Test name', zh: '测试名' },
} as const satisfies Record<string, Text>

/**
 * Each variable offers what those before it leave. "All" of job is `.+`, as the mixins have it; that of the others is
 * `.*`, for a series without the label must match too: `test_name` where none is set, `instance` where a process that
 * sends its metrics has no `service.instance.id`. `service` is one of the jobs, for a search of traces takes just one.
 */
export function variables(language: Language) {
  const narrowed: string[] = []
  const queries = (['job', 'instance', ...FILTERED] as const).map((name) => {
    const query = queryVariable(name, LABELS[name][language], narrowed)
    narrowed.push(`${name}=~"$${name}"`)
    return query
  })
  const datasource = new model.DatasourceVariableBuilder('datasource')
    .label(language === 'en' ? 'Data source' : '数据源')
    .type('prometheus')
  const traces = new model.TextBoxVariableBuilder('traces')
    .label(language === 'en' ? 'UID of the trace store' : '链路数据源 UID')
    .defaultValue(TRACE_STORE)
    .hide(model.VariableHide.InControlsMenu)
  const service = queryVariable('service', language === 'en' ? 'Service of the link Traces' : '链路入口的服务', [])
    .query(`label_values(${BATCHES}{job=~"$job"}, job)`)
    .hide(model.VariableHide.InControlsMenu)
    .multi(false)
    .includeAll(false)
    .current({ selected: false, text: '', value: '' })
  return [datasource, ...queries, service, traces]
}

function queryVariable(name: string, label: string, narrowed: readonly string[]) {
  return new model.QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query(`label_values(${BATCHES}{${narrowed.join(', ')}}, ${name})`)
    .refresh(model.VariableRefresh.OnTimeRangeChanged)
    .sort(model.VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue(name === 'job' ? '.+' : '.*')
    .current({ selected: true, text: ['All'], value: ['$__all'] })
}
