/**
 * Draws a dashboard without Grafana, to look at what its queries return:
 *
 *     npx tsx grafana/preview/main.ts --prometheus http://localhost:9090 --minutes 10 --out preview.html
 *
 * The page it writes is an approximation: sizes, units, stacking and legends as Grafana would have them.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type * as model from '@grafana/grafana-foundation-sdk/dashboard'
import { fileOf } from '../generate.ts'
import { chart, escaped, type Line, stat, tableOf } from './draw.ts'

const { values: options } = parseArgs({
  options: {
    prometheus: { type: 'string', default: 'http://localhost:9090' },
    minutes: { type: 'string', default: '10' },
    out: { type: 'string', default: 'preview.html' },
    language: { type: 'string', default: 'en' },
    scrape: { type: 'string', default: '5' },
  },
})

interface Target {
  readonly expr: string
  readonly legendFormat: string
  readonly instant?: boolean
}

const end = Date.now() / 1000
const span = Number(options.minutes) * 60
const step = Math.max(Number(options.scrape), Math.round(span / 200))
const CELL = { width: 58, height: 34 }

const page = readFileSync(fileOf(options.language === 'zh' ? 'zh' : 'en'), 'utf8')
const { panels } = JSON.parse(page) as { panels: (model.Panel & { type: string })[] }
const drawn = await Promise.all(panels.map(draw))
writeFileSync(options.out, `<!doctype html><meta charset="utf-8"><style>${style()}</style>${drawn.join('\n')}`)

async function draw(panel: model.Panel & { type: string }): Promise<string> {
  const { x, y, w, h } = panel.gridPos ?? { x: 0, y: 0, w: 24, h: 1 }
  const box = `left:${x * CELL.width}px;top:${y * CELL.height}px;width:${w * CELL.width - 8}px;height:${h * CELL.height - 8}px`
  if (panel.type === 'row') return `<h2 style="${box}">${escaped(panel.title ?? '')}</h2>`
  const lines = (await Promise.all(targetsOf(panel).map((target, i) => ask(target, i)))).flat()
  const body = drawing(panel, lines, w * CELL.width - 28, h * CELL.height - 44)
  return `<section style="${box}"><b>${escaped(panel.title ?? '')}</b>${body}</section>`
}

function drawing(panel: model.Panel & { type: string }, lines: Line[], width: number, height: number): string {
  const { defaults } = panel.fieldConfig ?? {}
  if (panel.type === 'table') return tableOf(panel, lines)
  if (lines.every(({ points }) => points.length === 0)) return `<p>${escaped(defaults?.noValue ?? 'No data')}</p>`
  return panel.type === 'stat' ? stat(panel, lines) : chart(panel, lines, width, height)
}

function targetsOf(panel: model.Panel): Target[] {
  return (panel.targets ?? []) as unknown as Target[]
}

async function ask({ expr, legendFormat, instant }: Target, index: number): Promise<Line[]> {
  const query = filled(expr)
  const time = { start: String(instant ? end : end - span), end: String(end), step: String(step) }
  const response = await fetch(`${options.prometheus}/api/v1/query_range?${new URLSearchParams({ query, ...time })}`)
  const { data } = (await response.json()) as {
    data: { result: { metric: Line['labels']; values: [number, string][] }[] }
  }
  const times = [...new Set(data.result.flatMap(({ values }) => values.map(([seconds]) => seconds)))].sort(
    (a, b) => a - b,
  )
  return data.result.map(({ metric, values }) => {
    const found = new Map(values)
    return {
      query: index,
      labels: metric,
      name: legendFormat.replace(/{{(\w+)}}/g, (_, label: string) => metric[label] ?? ''),
      points: times.map((seconds) => [seconds * 1000, Number(found.get(seconds) ?? Number.NaN)] as const),
    }
  })
}

/** Every variable on "All", and the intervals as Grafana works them out. */
function filled(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', `${Math.max(4 * Number(options.scrape), step + Number(options.scrape))}s`)
    .replaceAll('$__range', `${span}s`)
    .replace(/=~"\$(job|instance)"/g, '=~".+"')
    .replace(/=~"\$\w+"/g, '=~".*"')
}

function style(): string {
  return `body{font:12px Inter,"Noto Sans CJK SC",sans-serif;background:#111217;color:#ccccdc;position:relative}
h2,section{position:absolute;margin:0;overflow:hidden} h2{font-size:15px}
section{background:#181b1f;border:1px solid #2c3235;padding:6px;box-sizing:border-box}
p{text-align:center;color:#888;margin-top:3em} .stat{font-size:30px;margin-top:12px}
table{border-collapse:collapse;width:100%;margin-top:6px} td,th{border-bottom:1px solid #2c3235;text-align:left;padding:3px}`
}
