import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dashboard } from '../../../grafana/dashboard.ts'
import { formatOf } from '../../../src/prometheus/live/model/format.ts'
import { HEALTH, languageOf, TEXTS, type Text } from '../../../src/prometheus/live/model/texts.ts'

const test = suite('live page: texts')

/** Titles and descriptions, in the order of the panels. */
function wordsOf(language: 'en' | 'zh'): string[] {
  const text = JSON.stringify(dashboard(language, 'classic'))
  return Array.from(text.matchAll(/"title":"((?:[^"\\]|\\.)*)"/g), ([, title]) => JSON.parse(`"${title}"`))
}

test('what the dashboards show, too, has their name in both languages', () => {
  const [en, zh] = [wordsOf('en'), wordsOf('zh')]
  assert.is(en.length, zh.length)
  const shared = Object.values(TEXTS as Record<string, Text>).filter(
    (text) => text.en !== text.zh && en.includes(text.en),
  )
  assert.ok(shared.length >= 12, `${shared.length}`)
  for (const text of shared) {
    assert.ok(
      en.some((title, i) => title === text.en && zh[i] === text.zh),
      text.en,
    )
  }
})

test('every text is there in both languages', () => {
  for (const { en, zh } of [...Object.values<Text>(TEXTS), ...Object.values(HEALTH).flat()]) {
    assert.ok(en !== '' && zh !== '')
  }
})

test('the language is the first that the browser wants and the page has', () => {
  assert.is(languageOf(['zh-TW', 'en']), 'zh')
  assert.is(languageOf(['de', 'en-US', 'zh']), 'en')
  assert.is(languageOf(['fr']), 'en')
})

test('values have about three digits and their unit', () => {
  const seconds = formatOf('seconds', 'en')
  assert.equal([0, 0.0000005, 0.03512, 1.5, 90, 600].map(seconds), [
    '0 s',
    '0.5 µs',
    '35.1 ms',
    '1.5 s',
    '90 s',
    '10 min',
  ])
  assert.equal([0, 12.345, 4051, 12_400].map(formatOf('perSecond', 'zh')), ['0/s', '12.3/s', '4,051/s', '12.4k/s'])
  assert.equal([1, 0.99996, 0.5].map(formatOf('share', 'en')), ['100%', '99.99%', '50%'])
  assert.equal([undefined, null, Number.NaN].map(formatOf('count', 'en')), ['–', '–', '–'])
})

test.run()
