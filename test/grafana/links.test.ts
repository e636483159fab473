import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fileOf } from '../../grafana/generate.ts'
import { variable } from '../../grafana/variables.ts'
import { filledLink, type Variables } from '../support/grafana.ts'

interface Link {
  readonly title: string
  readonly url: string
}

interface Panel {
  readonly title: string
  readonly fieldConfig?: {
    readonly defaults: { readonly links?: readonly Link[] }
    readonly overrides: readonly { readonly properties: readonly { readonly id: string; readonly value: unknown }[] }[]
  }
}

const { panels, links } = JSON.parse(readFileSync(fileOf('en'), 'utf8')) as {
  panels: readonly Panel[]
  links: readonly Link[]
}

const BASE = { datasource: { values: ['m'] }, traces: { values: ['batchflow-traces'] } }
const TIMES = { __url_time_range: { values: ['from=1&to=2'] }, __from: { values: ['1'] }, __to: { values: ['2'] } }

/** What the variables may hold, of which the links to a table's traces must not depend. */
const VIEWS: Readonly<Record<string, Variables>> = {
  'one service': {
    ...BASE,
    ...TIMES,
    job: { values: ['app'] },
    service: { values: ['app'] },
    instance: { values: ['10.0.0.1:9464'] },
    database: { values: ['postgres'] },
    table: { all: '.*' },
    test_name: { values: ['a&b'] },
  },
  several: {
    ...BASE,
    ...TIMES,
    job: { values: ['app', 'web'] },
    service: { values: ['app'] },
    instance: { values: ['a', 'b'] },
    database: { values: ['postgres', 'mysql'] },
    table: { values: ['users', 'orders'] },
    test_name: { all: '.*' },
  },
  all: {
    ...BASE,
    ...TIMES,
    job: { all: '.+' },
    service: { values: ['app'] },
    instance: { all: '.*' },
    database: { all: '.*' },
    table: { all: '.*' },
    test_name: { all: '.*' },
  },
}

const TABLES = ['users', 'public.users', 'or&ders', 'a#b', 'a+b c', 'a"b', '100%', 'gehäuse', "o'hara(1)*!", '订单']

/** The links of series and rows of one table, and the names by which they get at its labels. */
function tableLinks(): { narrow: Link; search: Link; prefix: string }[] {
  return panels.flatMap(({ fieldConfig }) => {
    const lines = fieldConfig?.defaults.links
    const rows = fieldConfig?.overrides.flatMap(({ properties }) => properties).find(({ id }) => id === 'links')
    const found = lines ?? (rows?.value as readonly Link[] | undefined)
    if (found === undefined || found.length === 0) return []
    const [narrow, search] = found as [Link, Link]
    return [{ narrow, search, prefix: lines === undefined ? '__data.fields.' : '__field.labels.' }]
  })
}

function open(link: Link, variables: Variables, fields: Readonly<Record<string, string>> = {}): URL {
  return new URL(filledLink(link.url, variables, fields), 'http://grafana')
}

function fieldsOf(prefix: string, table: string): Record<string, string> {
  return { [`${prefix}job`]: 'web app', [`${prefix}database`]: 'mysql', [`${prefix}table`]: table }
}

test('there are links on every panel about tables', () => {
  assert.ok(tableLinks().length > 10)
  assert.ok(tableLinks().some(({ prefix }) => prefix === '__data.fields.'))
})

for (const [name, variables] of Object.entries(VIEWS)) {
  test(`${name}: "Only this table" leads to that table of that database and service, whatever it is called`, () => {
    for (const { narrow, prefix } of tableLinks()) {
      for (const table of TABLES) {
        const { pathname, hash, searchParams } = open(narrow, variables, fieldsOf(prefix, table))
        assert.is(pathname + hash, '/d/batchflow')
        assert.equal(searchParams.getAll('var-table'), [table])
        assert.equal(searchParams.getAll('var-database'), ['mysql'])
        assert.equal(searchParams.getAll('var-job'), ['web app'])
      }
    }
  })

  test(`${name}: "Only this table" keeps what it does not narrow`, () => {
    const kept = open(tableLinks()[0]!.narrow, variables, fieldsOf('__field.labels.', 'users')).searchParams
    for (const variable of ['datasource', 'instance', 'test_name', 'traces']) {
      const held = variables[variable]!
      assert.equal(kept.getAll(`var-${variable}`), 'all' in held ? ['$__all'] : held.values, variable)
    }
    assert.equal([kept.get('from'), kept.get('to')], ['1', '2'])
  })

  test(`${name}: "Traces of this table" searches the service that the series is of`, () => {
    for (const { search, prefix } of tableLinks()) {
      // A quote cannot be put into the JSON of this address by any of Grafana's formats.
      for (const table of TABLES.filter((other) => !other.includes('"'))) {
        const { pathname, searchParams } = open(search, variables, fieldsOf(prefix, table))
        assert.is(pathname, '/explore')
        const { traces } = JSON.parse(searchParams.get('panes') ?? '')
        const query = { refId: 'A', queryType: 'search', service: 'web app', operation: `batchflow.batch ${table}` }
        assert.equal(traces, { datasource: 'batchflow-traces', queries: [query], range: { from: '1', to: '2' } })
      }
    }
  })

  test(`${name}: "Traces" at the top searches one service that exists`, () => {
    const { searchParams } = open(links.find(({ title }) => title === 'Traces')!, variables)
    const { traces } = JSON.parse(searchParams.get('panes') ?? '')
    assert.equal(traces.queries, [{ refId: 'A', queryType: 'search', service: 'app' }])
  })
}

test('without a format a link would lose what comes after a `&` or a `#`', () => {
  const bare = { title: '', url: `/d/x?var-table=${variable('__field.labels.table')}` }
  const opened = open(bare, {}, { '__field.labels.table': 'or&ders#1' })
  assert.is(opened.searchParams.get('var-table'), 'or')
})

test.run()
