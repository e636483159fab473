/** What is drawn over all panels: outages as they last, and deployments, for whoever notes them. */
import * as model from '@grafana/grafana-foundation-sdk/dashboard'
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus'
import { ATTR, METRICS } from '../src/telemetry/metrics/catalogue.ts'
import { select, sum } from './promql.ts'
import type { Language } from './spec.ts'
import { DATASOURCE } from './variables.ts'

/** While it has values there is an outage: Grafana joins them into a span of time. */
export const OUTAGES = `${sum(select(METRICS.executorPaused), ['job', 'instance', ATTR.database])} > 0`

/** Tag of the annotations that a deployment leaves in Grafana. */
const DEPLOY_TAG = 'deploy'

export function annotations(language: Language): model.AnnotationQueryBuilder[] {
  const outages = new model.AnnotationQueryBuilder()
    .name(language === 'en' ? 'Outages' : '数据库中断')
    .datasource(DATASOURCE)
    .enable(true)
    .iconColor('red')
    .target(new prometheus.DataqueryBuilder().refId('Outages').expr(OUTAGES))
    .expr(OUTAGES)
    .step('15s')
    .titleFormat(language === 'en' ? '{{database}} takes no batch' : '{{database}} 无法写入')
    .textFormat('{{job}} {{instance}}')
  const deploys = new model.AnnotationQueryBuilder()
    .name(language === 'en' ? 'Deployments' : '部署')
    .datasource({ type: 'grafana', uid: '-- Grafana --' })
    .enable(false)
    .iconColor('blue')
    .type('tags')
    .target({ build: () => ({ type: 'tags', tags: [DEPLOY_TAG], limit: 100, matchAny: false }) as never })
  return [outages, deploys]
}
