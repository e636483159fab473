/** Links: from a series to its table and to its traces, and at the top of the dashboard. */
import * as model from '@grafana/grafana-foundation-sdk/dashboard'
import type { Language } from './spec.ts'
import { variable } from './variables.ts'

/** Every value is encoded: a table may be called `a&b`. */
function encoded(name: string): string {
  return variable(`${name}:percentencode`)
}

/** What a link to one table leaves as it is. The others are those of the table. */
const KEPT = ['datasource', 'instance', 'test_name', 'traces'].map((name) => variable(`${name}:queryparam`))

/**
 * From a series, or a row, of one table to that table alone, and to its traces: those of its service, which its job
 * names, so that they are found whatever the variables say.
 *
 * @param label how to get at the value of a label
 */
export function tableLinks(
  label: (name: string) => string,
  language: Language,
  uid: string,
): model.DashboardLinkBuilder[] {
  const narrow = language === 'en' ? 'Only this table' : '仅看此表'
  const search = language === 'en' ? 'Traces of this table' : '此表的链路'
  const own = ['job', 'database', 'table'].map((name) => `var-${name}=${encoded(label(name))}`)
  return [
    link(narrow, `/d/${uid}?${variable('__url_time_range')}&${[...KEPT, ...own].join('&')}`),
    link(search, exploreUrl(encoded(label('job')), `batchflow.batch ${encoded(label('table'))}`)),
  ]
}

/** Links at the top of the dashboard. @param other the dashboard in the other language */
export function topLinks(language: Language, other: string): model.DashboardLinkBuilder[] {
  return [
    link(language === 'en' ? '中文' : 'English', `/d/${other}`)
      .type(model.DashboardLinkType.Link)
      .includeVars(true)
      .keepTime(true),
    link(language === 'en' ? 'Traces' : '链路', exploreUrl(encoded('service'))).type(model.DashboardLinkType.Link),
  ]
}

/** Grafana's Explore with a search in the trace store. */
function exploreUrl(service: string, operation?: string): string {
  const search = { refId: 'A', queryType: 'search', service }
  const queries = [operation === undefined ? search : { ...search, operation }]
  const range = { from: variable('__from'), to: variable('__to') }
  const panes = JSON.stringify({ traces: { datasource: encoded('traces'), queries, range } })
  const references = /%24%7B(.*?)%7D/g
  return `/explore?schemaVersion=1&panes=${encodeURIComponent(panes).replace(references, (found) => decodeURIComponent(found))}`
}

function link(title: string, url: string): model.DashboardLinkBuilder {
  return new model.DashboardLinkBuilder(title).url(url).targetBlank(false)
}
