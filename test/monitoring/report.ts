import type { Sample } from './api.ts'
import type { Answer } from './checks.ts'
import { ROUTES } from './routes.ts'

const TITLE = 52
const VALUE = 13

/** One line per question with a sample value of each route, and the question itself below it. */
export function table(answers: readonly Answer[]): string {
  const head = line('', '', 'series', [...ROUTES])
  return [head, ...answers.flatMap(lines)].join('\n')
}

function lines({ question, results, problems }: Answer): string[] {
  const values = ROUTES.map((route) => show(results[route]))
  return [
    line(question.source, question.title, String(results.direct.length), values),
    `            ${question.expr.replace(/\s+/g, ' ')}`,
    ...problems.map((problem) => `            WRONG: ${problem}`),
  ]
}

function line(source: string, title: string, series: string, values: readonly string[]): string {
  return [
    source.padEnd(10),
    ' ',
    title.padEnd(TITLE - wide(title)),
    series.padStart(7),
    ...values.map((value) => value.padStart(VALUE)),
  ].join(' ')
}

/** The largest finite value, which says most. */
function show(samples: readonly Sample[]): string {
  const values = samples.map(({ value }) => value).filter(Number.isFinite)
  return values.length === 0 ? '–' : String(Number(Math.max(...values).toPrecision(5)))
}

/** Columns that a terminal needs beyond one per character. */
function wide(text: string): number {
  return [...text].filter((character) => character >= '\u1100').length
}
