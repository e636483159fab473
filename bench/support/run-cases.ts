import { Bench, type Case, type Settings } from './case.ts'

/** The process that measures: arguments are the settings and the names of cases; each line is sent to the parent. */
const [settings, ...names] = process.argv.slice(2)
for (const name of names) {
  console.error(`\n== ${name}`)
  const bench = new Bench(JSON.parse(settings!) as Settings)
  const { default: measure } = (await import(`../cases/${name}.ts`)) as { default: Case }
  await measure(bench)
  for (const line of bench.lines) process.send!(line)
}
process.disconnect()
