/** Recording rules and alerts as data, and as Prometheus reads them. */

export interface Recording {
  readonly record: string
  readonly expr: string
  readonly comment?: string
}

export interface Alert {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly severity: 'warning' | 'critical'
  readonly summary: string
  readonly description: string
  readonly comment?: string
}

export type Rule = Recording | Alert

export interface Group {
  readonly name: string
  /** @default that of the server */
  readonly interval?: string
  readonly rules: readonly Rule[]
}

const WIDTH = 120

/** A rule file. */
export function fileOf(comment: string, groups: readonly Group[]): string {
  return [...commented(comment, 0), 'groups:', ...groups.flatMap(groupLines), ''].join('\n')
}

function groupLines({ name, interval, rules }: Group): string[] {
  const head = [`  - name: ${name}`, ...(interval === undefined ? [] : [`    interval: ${interval}`]), '    rules:']
  return [...head, ...rules.flatMap((rule, i) => [...(i === 0 ? [] : ['']), ...ruleLines(rule)])]
}

function ruleLines(rule: Rule): string[] {
  const comment = rule.comment === undefined ? [] : commented(rule.comment, 6)
  if ('record' in rule) return [...comment, `      - record: ${rule.record}`, ...exprLines(rule.expr)]
  return [
    ...comment,
    `      - alert: ${rule.alert}`,
    ...exprLines(rule.expr),
    ...(rule.for === undefined ? [] : [`        for: ${rule.for}`]),
    '        labels:',
    `          severity: ${rule.severity}`,
    '        annotations:',
    `          summary: ${JSON.stringify(rule.summary)}`,
    '          description: >-',
    ...wrapped(rule.description, 12),
    `          runbook_url: docs/runbook.md#${rule.alert.toLowerCase()}`,
  ]
}

function exprLines(expr: string): string[] {
  const lines = expr.trim().split('\n')
  return lines.length === 1
    ? [`        expr: ${lines[0]}`]
    : ['        expr: |', ...lines.map((line) => `          ${line}`)]
}

function commented(text: string, indent: number): string[] {
  return wrapped(text, indent, '# ')
}

/** Lines of `text`, whose own ends of lines are kept. */
function wrapped(text: string, indent: number, prefix = ''): string[] {
  const start = ' '.repeat(indent) + prefix
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = []
    let line = start
    for (const word of paragraph.match(/(?:{{.*?}}|\S)+/g) ?? []) {
      if (line.length + word.length > WIDTH) {
        lines.push(line.trimEnd())
        line = start
      }
      line += `${word} `
    }
    return [...lines, line.trimEnd()]
  })
}
