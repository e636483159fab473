/** `promtool test rules`, driven from TypeScript: test files are JSON, which is YAML too. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Labels = Readonly<Record<string, string>>

export interface ExprTest {
  readonly expr: string
  readonly eval_time: string
  readonly exp_samples: readonly { readonly labels: string; readonly value: number }[]
}

export interface AlertTest {
  readonly eval_time: string
  readonly alertname: string
  readonly exp_alerts: readonly { readonly exp_labels: Labels; readonly exp_annotations: Labels }[]
}

export interface TestGroup {
  readonly name: string
  readonly interval: string
  readonly input_series: readonly { readonly series: string; readonly values: string }[]
  readonly promql_expr_test?: readonly ExprTest[]
  readonly alert_rule_test?: readonly AlertTest[]
}

export interface TestFile {
  /** As in a rule file. */
  readonly rules: readonly object[]
  readonly evaluation_interval: string
  readonly tests: readonly TestGroup[]
}

/** What promtool says about the files; empty when every test passed. */
export function failures(promtool: string, files: readonly TestFile[]): string {
  return complaints(promtool, files).filter(Boolean).join('\n')
}

/** What promtool says about each file; empty when its tests passed. */
export function complaints(promtool: string, files: readonly TestFile[]): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-promtool-'))
  try {
    const paths = files.map((file, i) => written(folder, file, i))
    const options = { encoding: 'utf8', maxBuffer: 2 ** 30 } as const
    // What failed is written to stderr, of which file to stdout: only together is it known what belongs to which.
    const together = ['-c', 'exec "$0" "$@" 2>&1', promtool, 'test', 'rules', ...paths]
    const { status, stdout, error } = spawnSync('sh', together, options)
    if (error !== undefined) throw error
    const parts = stdout.split(/^Processing test file: .*$/m).slice(1)
    if (parts.length !== files.length) throw new Error(`promtool ended with status ${status}:\n${stdout}`)
    return parts.map((part) => (/FAILED:|^\s*[Ee]rror/m.test(part) ? part.trim() : ''))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function written(folder: string, { rules, ...file }: TestFile, i: number): string {
  const [path, ruleFile] = [join(folder, `${i}.yml`), `${i}.rules.yml`]
  writeFileSync(join(folder, ruleFile), JSON.stringify({ groups: [{ name: 'rules', rules }] }))
  writeFileSync(path, JSON.stringify({ ...file, rule_files: [ruleFile], fuzzy_compare: true }))
  return path
}

/** A series as PromQL writes it. */
export function seriesText(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`)
  return `${name}{${pairs.join(', ')}}`
}

const PRECISION = 1e-7

/** That a query answers these values, by labels, to seven decimals: sums of floats depend on their order. */
export function answerTest(expr: string, time: string, samples: Readonly<Record<string, number>>): ExprTest {
  const rounded = (value: number) => Math.floor(value * (1 / PRECISION) + 0.5) / (1 / PRECISION)
  return {
    expr: `round(${expr}, ${PRECISION})`,
    eval_time: time,
    exp_samples: Object.entries(samples).map(([labels, value]) => ({ labels, value: rounded(value) })),
  }
}
