import { History } from '../../../src/prometheus/live/model/history.ts'
import { PageReader } from '../../../src/prometheus/live/model/openmetrics.ts'

/** Lines of a page at each second. */
export type Pages = Readonly<Record<number, readonly string[]>>

/** What is known after these pages. */
export function historyOf(pages: Pages): History {
  const history = new History()
  const reader = new PageReader()
  for (const [second, lines] of Object.entries(pages)) {
    history.add(Number(second) * 1000, reader.read([...lines, '# EOF'].join('\n')))
  }
  return history
}
