/** What became of the process of one test file. */
export interface FileOutcome {
  /** Text of the test file, for holes that only its source shows. */
  readonly source: string
  readonly stdout: string
  readonly exitCode: number | null
  readonly signal: string | null
  /** Why the runner ended the process, if it had to. */
  readonly killed: string | undefined
}

export interface FileResult {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** What is wrong beyond tests that failed by themselves; each counts as a failure. */
  readonly problems: readonly string[]
  /** Lines `SKIPPED <backend>: <command>` that a suite without its server printed. */
  readonly notices: readonly string[]
}

/**
 * Judges one test file. uvu 0.5.6 by itself exits 0 when a hook throws, when a suite lacks `.run()`, when a file holds
 * no test, and when a later summary overwrites the exit code of an earlier one, so its exit code is only one witness.
 */
export function judgeFile(outcome: FileOutcome, ci: boolean): FileResult {
  const { total, passed, skipped, summaries } = readSummaries(outcome.stdout)
  const notices = outcome.stdout.match(/^SKIPPED .+$/gm) ?? []
  const failed = total - passed
  const problems = [
    ...(outcome.killed === undefined ? processProblems(outcome, summaries, failed, notices.length) : [outcome.killed]),
    ...hookProblems(outcome.stdout, failed),
    ...(summaries > 0 ? sourceProblems(outcome.source, ci) : []),
  ]
  if (summaries > 0 && total + skipped + notices.length === 0) problems.push('no test ran: the suites are empty')
  if (ci) problems.push(...notices.map((notice) => `a server is missing, which CI does not accept: ${notice}`))
  return { passed, failed: failed + problems.length, skipped: skipped + (ci ? 0 : notices.length), problems, notices }
}

/** Grows with each summary; the runner waits for the process to end by itself after the last one. */
export function countSummaries(stdout: string): number {
  return stdout.match(SUMMARY)?.length ?? 0
}

const SUMMARY = /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)\n {2}Duration: /gm

function readSummaries(stdout: string) {
  const sum = { total: 0, passed: 0, skipped: 0, summaries: 0 }
  for (const [, total, passed, skipped] of stdout.matchAll(SUMMARY)) {
    sum.total += Number(total)
    sum.passed += Number(passed)
    sum.skipped += Number(skipped)
    sum.summaries++
  }
  return sum
}

function processProblems(outcome: FileOutcome, summaries: number, failed: number, notices: number): string[] {
  const { exitCode, signal } = outcome
  if (signal !== null) return [`killed by ${signal}`]
  if (exitCode !== 0 && summaries === 0) return [`ended before its summary, exit code ${exitCode}`]
  if (exitCode !== 0 && failed === 0) return [`every test passed, yet the process ended with exit code ${exitCode}`]
  if (summaries === 0 && notices === 0) return ['no test ran: is .run() missing?']
  return []
}

function hookProblems(stdout: string, failed: number): string[] {
  const reported = stdout.match(/^ {2} FAIL /gm)?.length ?? 0
  return failed > reported ? ['a before, after or each hook threw; uvu hides what'] : []
}

/** A suite without `.run()` is silently left out as soon as another one in its file has it. */
function sourceProblems(source: string, ci: boolean): string[] {
  const suites = [...source.matchAll(/^const (\w+) = suite\b/gm)].map((match) => match[1]!)
  if (/^import \{[^}]*\btest\b[^}]*\} from 'uvu'/m.test(source)) suites.push('test')
  const problems = suites
    .filter((name) => !new RegExp(`\\b${name}\\.run\\(\\)`).test(source))
    .map((name) => `suite ${name} has no ${name}.run()`)
  if (ci && /^\s*(?:\w+)\.only\('/m.test(source)) problems.push('.only( leaves tests out, which CI does not accept')
  return problems
}
