import { ROUTES } from '../routes.ts'
import type { Section } from './verify.ts'

const PLACES = ['database', 'traces', ...ROUTES, 'guides']
const QUESTION = 60
const LEDGER = 22
const VALUE = 11

/** One line per question: what the ledger says, and what each place does; series of a name are added up. */
export function ledgerTable(sections: readonly Section[]): string {
  const head = line('question', 'ledger', PLACES, '')
  return sections
    .flatMap(({ title, entries }) => [
      '',
      `${title}:`,
      head,
      ...entries.map(({ question, ledger, values, problems }) =>
        line(
          question,
          ledger,
          PLACES.map((place) => show(values[place])),
          problems.length === 0 ? 'ok' : 'WRONG',
        ),
      ),
    ])
    .join('\n')
}

function line(question: string, ledger: string, values: readonly string[], verdict: string): string {
  const cells = [question.padEnd(QUESTION), ledger.padStart(LEDGER), ...values.map((value) => value.padStart(VALUE))]
  return `${cells.join(' ')}  ${verdict}`.trimEnd()
}

function show(value: number | undefined): string {
  return value === undefined ? '' : String(Number(value.toPrecision(6)))
}
