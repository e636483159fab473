/**
 * Proves the monitoring on the real programs:
 *
 *     npm run verify:monitoring [-- --seconds 57]
 *
 * Runs a load with retries, timeouts, outages and final failures, collects it by all three routes, and asks every query of
 * the guide, the dashboards, the recording rules and the alerts of each. Fails when one has no data, when the routes disagree
 * about a series, or when an alert that should fire does not.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startPrometheus } from 'batchflow-otel/prometheus'
import { type Answer, ask, checkAlerts, checkExemplars, checkSeries, checkTraces, checkVariables } from './checks.ts'
import { EXPECTED_DIFFERENCES } from './compare.ts'
import { resource, startLoad } from './load.ts'
import { dashboardQuestions, guideQuestions, type Question, ruleQuestions } from './queries.ts'
import { table } from './report.ts'
import { type Routes, startRoutes } from './routes.ts'
import { buildTools, type Tools } from './tools.ts'

/** Long enough for every kind of trouble to come up several times, and for a burst; troubles come every 9 s. */
const SECONDS = '57'
/** Until the last values have been sent and scraped. */
const SETTLE_MS = 4_000

async function verify(tools: Tools, seconds: number): Promise<string[]> {
  const page = await startPrometheus({ port: 0, resource, setGlobal: false })
  const routes = await startRoutes(tools, page.port)
  try {
    const load = await startLoad(page, routes)
    console.log(`writing to ${load.databases.join(', ')} for ${seconds} s …`)
    await sleep(seconds * 1000)
    const problems = await whileRunning(routes)
    await load.stop()
    await sleep(SETTLE_MS)
    const { series, problems: unequal } = await checkSeries(routes, Date.now() / 1000)
    console.log(`\n${series} series by each route; expected to differ:\n  ${EXPECTED_DIFFERENCES.join('\n  ')}`)
    return [...problems, ...unequal, ...checkTraces(routes)]
  } finally {
    await routes.stop()
    await page.stop()
  }
}

async function whileRunning(routes: Routes): Promise<string[]> {
  const questions = [...guideQuestions(), ...dashboardQuestions(), ...ruleQuestions(await routes.api.direct.rules())]
  const answers = await askPatiently(routes, questions)
  console.log(table(answers))
  const wrong = answers.flatMap(({ question, problems }) => problems.map((problem) => `${question.title}: ${problem}`))
  const now = Date.now() / 1000
  const exemplars = await checkExemplars(routes, now - 300, now)
  return [...wrong, ...(await checkVariables(routes)), ...(await checkAlerts(routes)), ...exemplars]
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

const { values } = parseArgs({ options: { seconds: { type: 'string', default: SECONDS } } })
const tools = buildTools()
if (tools !== undefined) {
  const problems = await verify(tools, Number(values.seconds))
  for (const problem of problems) console.log(`WRONG: ${problem}`)
  console.log(problems.length === 0 ? 'all queries answered alike by all routes' : `${problems.length} problems`)
  process.exitCode = problems.length === 0 ? 0 : 1
} else if (process.env['CI'] === 'true') process.exitCode = 1
