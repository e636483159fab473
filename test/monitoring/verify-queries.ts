/** Every query there is, asked of every route while a load with all kinds of trouble runs. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, ask, checkAlerts, checkSeries, checkTraces, checkTranslated, checkVariables } from './checks.ts'
import { EXPECTED_DIFFERENCES } from './compare.ts'
import { startLoad } from './load.ts'
import type { Identity } from './providers.ts'
import { dashboardQuestions, guideQuestions, type Question, ruleQuestions } from './queries.ts'
import { table } from './report.ts'
import type { Routes } from './routes.ts'

/** Until the last values have been sent and scraped. */
const SETTLE_MS = 4_000

/** @returns what is wrong */
export async function verifyQueries(routes: Routes, identity: Identity, seconds: number): Promise<string[]> {
  const load = await startLoad(identity, routes.otlp)
  try {
    console.log(`writing to ${load.databases.join(', ')} for ${seconds} s …`)
    await sleep(seconds * 1000)
    const problems = await whileRunning(routes, identity)
    await load.stop()
    await sleep(SETTLE_MS)
    const { series, problems: unequal } = await checkSeries(routes, identity.job, Date.now() / 1000)
    console.log(`\n${series} series by each route; expected to differ:\n  ${EXPECTED_DIFFERENCES.join('\n  ')}`)
    return [...problems, ...unequal, ...checkTraces(routes, identity.job)]
  } finally {
    await load.end()
  }
}

async function whileRunning(routes: Routes, { job }: Identity): Promise<string[]> {
  const questions = [...guideQuestions(), ...dashboardQuestions(), ...ruleQuestions(await routes.api.direct.rules())]
  const answers = await askPatiently(routes, questions)
  console.log(table(answers))
  const wrong = answers.flatMap(({ question, problems }) => problems.map((problem) => `${question.title}: ${problem}`))
  const translated = await checkTranslated(routes, questions)
  return [...wrong, ...translated, ...(await checkVariables(routes)), ...(await checkAlerts(routes, job))]
}

/** A series born this very second has not come by every route yet: what is wrong now is asked once more, later. */
async function askPatiently(routes: Routes, questions: readonly Question[]): Promise<Answer[]> {
  const answers = await ask(routes, questions, Date.now() / 1000 - 1)
  if (answers.every(({ problems }) => problems.length === 0)) return answers
  await sleep(SETTLE_MS)
  const wrong = answers.filter(({ problems }) => problems.length > 0).map(({ question }) => question)
  const later = new Map((await ask(routes, wrong, Date.now() / 1000 - 1)).map((answer) => [answer.question, answer]))
  return answers.map((answer) => later.get(answer.question) ?? answer)
}
