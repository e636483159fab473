import { suite } from 'uvu'
import { libsql, nodeSqlite, sqlite } from './backends/sqlite.ts'
import { CASES, FAULT_CASES } from './cases/index.ts'
import { register } from './register.ts'

const conformance = suite('sqlite')
const node = await nodeSqlite()
for (const place of ['file', 'memory'] as const) {
  await register(sqlite('libsql', libsql, place), conformance, [...CASES, ...FAULT_CASES])
  if (node !== undefined) {
    await register(sqlite('node:sqlite', node, place), conformance, [...CASES, ...FAULT_CASES])
  }
}
conformance.run()
