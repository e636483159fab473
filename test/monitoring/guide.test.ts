import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GUIDE_QUERIES } from './guide-queries.ts'

test('our own quick-start holds every query of the guide, character for character', () => {
  const page = readFileSync(new URL('../../docs/zh-CN/monitoring-quickstart.md', import.meta.url), 'utf8')
  const blocks = [...page.matchAll(/```promql\n(.+?)\n```/gs)].map(([, query]) => query)
  for (const { title, expr } of GUIDE_QUERIES) assert.ok(blocks.includes(expr), title)
})

test.run()
