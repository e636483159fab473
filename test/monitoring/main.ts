/**
 * Proves the monitoring on the real programs:
 *
 *     npm run verify:monitoring [-- --seconds 57 | --ledger | --sabotage | --stall]
 *
 * First a load with retries, timeouts, outages and final failures, collected by all four routes: every query of the guides,
 * the dashboards, the recording rules and the alerts is asked of each. Fails when one has no data, when the routes disagree
 * about a series, or when an alert that should fire does not.
 *
 * Then, and with `--ledger` alone, loads that keep books: whatever the routes, the databases and the trace store say is
 * compared with what the loads themselves submitted, were told and measured.
 *
 * With `--sabotage` the second part is run with faults put in on purpose, one at a time, and once without: the exit code is
 * 0 only if each was found and nothing else was.
 *
 * With `--stall` a lock is held for three minutes: how soon the health row turns red and the alert fires, and that both end
 * with the lock. Takes six minutes, with the intervals that are committed.
 */
import { parseArgs } from 'node:util'
import { freePorts } from './daemon.ts'
import { FAULTS } from './ledger/faults.ts'
import { ledgerTable } from './ledger/report.ts'
import { type Cast, FAULT_RUNS, problemsOf, verifyFault, verifyLedger } from './ledger/verify.ts'
import type { Identity } from './providers.ts'
import { type Routes, startRoutes } from './routes.ts'
import { verifyStall } from './stall/verify.ts'
import { buildTools, type Tools } from './tools.ts'
import { verifyQueries } from './verify-queries.ts'

/** Long enough for every kind of trouble to come up several times, and for a burst; troubles come every 9 s. */
const SECONDS = '57'

/** What is wrong is wrong for many series at once; so many lines tell it. */
const SHOWN = 60

/** As the application is named in every route. */
const JOB = 'my-service'

async function verify(tools: Tools, seconds: number): Promise<string[]> {
  const application = await identity(JOB)
  const cast: Cast = { one: await identity('ledger', 'one'), two: await identity('ledger', 'two') }
  return within(tools, [application, cast.one, cast.two], async (routes) => {
    const problems = seconds > 0 ? await verifyQueries(routes, application, seconds) : []
    const sections = await verifyLedger(routes, cast)
    console.log(ledgerTable(sections))
    return [...problems, ...problemsOf(sections)]
  })
}

async function sabotage(tools: Tools): Promise<string[]> {
  const runs = await Promise.all(FAULT_RUNS.map((fault) => identity(`ledger-${fault ?? 'right'}`)))
  return within(tools, runs, async (routes) => {
    const wrong: string[] = []
    for (const [i, fault] of FAULT_RUNS.entries()) {
      const found = await verifyFault(routes, runs[i]!, fault)
      wrong.push(...verdict(fault, found))
    }
    return wrong
  })
}

/** What is wrong with what was found. */
function verdict(fault: string | undefined, found: readonly string[]): string[] {
  if (fault === undefined) {
    console.log(`no fault: ${found.length} problems`)
    return found.map((problem) => `without a fault: ${problem}`)
  }
  const { title, found: pattern } = FAULTS[fault]!
  const first = found.find((problem) => pattern.test(problem))
  console.log(`${first === undefined ? 'NOT FOUND' : 'red'}  ${fault}: ${title}; ${found.length} problems`)
  if (first !== undefined) console.log(`       ${first}`)
  return first === undefined ? [`${fault} was not found, only: ${found.slice(0, SHOWN).join('; ') || 'nothing'}`] : []
}

async function within(
  tools: Tools,
  processes: readonly Identity[],
  work: (routes: Routes) => Promise<string[]>,
): Promise<string[]> {
  const routes = await startRoutes(tools, processes)
  try {
    return await work(routes)
  } finally {
    await routes.stop()
  }
}

async function identity(job: string, instance = 'instance-1'): Promise<Identity> {
  const [page = 0, exporter = 0] = await freePorts(2)
  return { job, instance, page, exporter }
}

function asked(tools: Tools): Promise<string[]> {
  if (values.stall) return verifyStall(tools)
  return values.sabotage ? sabotage(tools) : verify(tools, values.ledger ? 0 : Number(values.seconds))
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: SECONDS },
    ledger: { type: 'boolean', default: false },
    sabotage: { type: 'boolean', default: false },
    stall: { type: 'boolean', default: false },
  },
})
const tools = buildTools()
if (tools !== undefined) {
  const problems = await asked(tools)
  for (const problem of problems.slice(0, SHOWN)) console.log(`WRONG: ${problem}`)
  console.log(problems.length === 0 ? 'nothing is wrong' : `${problems.length} problems`)
  process.exitCode = problems.length === 0 ? 0 : 1
} else if (process.env['CI'] === 'true') process.exitCode = 1
