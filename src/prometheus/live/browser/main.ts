import { NotableBatches } from '../model/batches.ts'
import { CHARTS } from '../model/charts.ts'
import { clockOf } from '../model/format.ts'
import { History } from '../model/history.ts'
import { PageReader } from '../model/openmetrics.ts'
import { Points } from '../model/points.ts'
import { HEALTH, TEXTS } from '../model/texts.ts'
import { make, say } from './dom.ts'
import { INTERVAL, poll } from './poller.ts'
import { onSystemTheme, Preferences } from './preferences.ts'
import { View } from './view.ts'

/** What the application says of its page. */
interface Config {
  readonly title?: string
  readonly traceUrl?: string
}

const { title, traceUrl }: Config = JSON.parse(document.getElementById('config')?.textContent ?? '{}')

const preferences = new Preferences()
const reader = new PageReader()
const history = new History()
const batches = new NotableBatches()
const points = new Map(CHARTS.map((chart) => [chart, new Points(INTERVAL)]))
let reached = true
let view = new View(preferences.language, points, traceUrl)

const heading = make('h1')
const health = make('p', { id: 'health', role: 'status' })
const word = make('b')
const sentence = make('span')
const hint = make('p', { class: 'hint' })
const time = make('time')
const languageButton = make('button', { type: 'button' })
const themeButton = make('button', { type: 'button' }, '◐')
const main = make('main')

health.append(word, sentence)
document.body.append(
  make(
    'header',
    {},
    make('div', {}, heading, health),
    make('div', { class: 'buttons' }, time, languageButton, themeButton),
  ),
  main,
  make('footer', {}, hint),
)

languageButton.addEventListener('click', () => {
  preferences.nextLanguage()
  begin()
})
themeButton.addEventListener('click', () => {
  preferences.nextTheme()
  begin()
})
onSystemTheme(begin)

begin()
poll(seen, lost)

/** Builds the page for the language and the colours of now. */
function begin(): void {
  const { language, theme } = preferences
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  document.documentElement.dataset['theme'] = theme
  say(heading, title ?? TEXTS.title[language])
  say(hint, TEXTS.hint[language])
  say(languageButton, TEXTS.language[language])
  languageButton.lang = language === 'zh' ? 'en' : 'zh-CN'
  for (const name of ['title', 'aria-label']) themeButton.setAttribute(name, TEXTS.theme[language])
  view.destroy()
  view = new View(language, points, traceUrl)
  main.replaceChildren(...view.elements)
  show()
}

function seen(page: string): void {
  const now = Date.now()
  history.add(now, reader.read(page))
  for (const [chart, series] of points) series.add(now, chart.values(history))
  batches.look(history)
  reached = true
  show()
}

function lost(): void {
  reached = false
  show()
}

function show(): void {
  const { language } = preferences
  const state = view.update(history, batches)
  if (history.at > 0) say(time, `${TEXTS.asOf[language]} ${clockOf(language)(history.at)}`)
  const [short, long] = HEALTH[state]
  health.className = reached ? state : 'lost'
  say(word, reached ? short[language] : TEXTS.lostTitle[language])
  say(sentence, reached ? long[language] : TEXTS.lost[language])
  document.title = `${word.textContent} · ${heading.textContent}`
}
