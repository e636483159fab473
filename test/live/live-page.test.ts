/** The live page in a real browser, of a real process that runs into trouble and is started anew. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../../examples/shared/free-port.ts'
import { Chromium, findChromium, type Page } from '../support/programs/chromium.ts'

const test = suite('live page in a browser')
const program = findChromium()
const SERVICE = join(import.meta.dirname, '../support/live-page/service.ts')

let browser: Chromium
let page: Page
let service: ChildProcess
let port: number

async function start(): Promise<void> {
  service = fork(SERVICE, [String(port)], { execArgv: ['--import', 'tsx'] })
  await once(service, 'message')
}

async function stop(): Promise<void> {
  const ended = once(service, 'exit')
  service.kill('SIGKILL')
  await ended
}

const health = (state: string) => `document.querySelector('#health').className === '${state}'`
const card = (title: string) =>
  `[...document.querySelectorAll('.card')].find((card) => card.innerText.startsWith('${title}'))`

/** Texts that are too pale for what is behind them (WCAG 2, 1.4.3), and how pale. */
const PALE = `(() => {
  const light = (rgb) => rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  const luminance = (colour) => light(colour.match(/[\\d.]+/g).slice(0, 3).map(Number))
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0)
  const behind = (element) => {
    const { backgroundColor } = getComputedStyle(element)
    return backgroundColor === 'rgba(0, 0, 0, 0)' && element.parentElement ? behind(element.parentElement) : backgroundColor
  }
  const told = [...document.body.querySelectorAll('*')].filter((element) => element.checkVisibility() &&
    [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ''))
  return told.map((element) => {
    const [a, b] = [getComputedStyle(element).color, behind(element)].map(luminance)
    return [element.textContent.trim(), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]
  }).filter(([, contrast]) => contrast < 4.5)
})()`

if (program !== undefined) {
  test.before(async () => {
    port = await freePort()
    browser = new Chromium(program)
    await start()
    page = await browser.open(1280, 900)
    await page.visit(`http://127.0.0.1:${port}/`)
  })
  test.after(async () => {
    await browser.close()
    await stop()
  })

  test('shows what the process does, goes on showing it, and asks nobody else', async () => {
    await page.until(health('writing'))
    await page.until(`/orders\\s+[\\d.]+\\/s/.test(${card('Rows per second')}.innerText)`)
    await page.until(`/p95\\s+[\\d.]+ (µs|ms)/.test(${card('Execute duration')}.innerText)`)
    assert.match(await page.evaluate(`${card('Rows per second')}.innerText`), '<b>bold</b>', 'a label is text')
    const seen = await page.evaluate(`document.querySelector('time').textContent`)
    await page.until(`document.querySelector('time').textContent !== '${seen}'`)
    const [address] = await page.evaluate<string[]>(`[...document.querySelectorAll('td a')].map(({ href }) => href)`)
    assert.match(address!, /^https:\/\/traces\.example\.org\/[0-9a-f]{32}\?span=[0-9a-f]{16}$/)
    const elsewhere = browser.requests.filter((url) => !url.startsWith(`http://127.0.0.1:${port}/`))
    assert.equal(
      [...new Set(elsewhere)].filter((url) => url !== 'data:,'),
      [],
    )
    assert.equal(browser.complaints, [], 'nothing is thrown, nothing breaks the policy')
  })

  test('survives the end of the process, and another one in its place', async () => {
    await page.until(`/orders\\s+[\\d.]+\\/s/.test(${card('Rows per second')}.innerText)`)
    await stop()
    await page.until(health('lost'))
    assert.match(await page.evaluate('document.title'), 'not reachable')
    await start()
    await page.until(health('writing'))
    await page.until(`/orders\\s+[\\d.]+\\/s/.test(${card('Rows per second')}.innerText)`)
    assert.not.match(await page.evaluate('document.body.innerText'), /-\d/, 'no rate is below 0')
  })

  test('says what is wrong, and when it is over', async () => {
    await page.until(health('writing'))
    service.send('refuse')
    await page.until(health('failing'))
    await page.until(`/final:constraint\\s+payments/.test(${card('Failures since')}.innerText)`)
    await page.until(`document.querySelector('td .bad')?.textContent.includes('constraint')`)
    service.send('leave')
    await page.until(health('waiting'))
    assert.match(await page.evaluate(`document.querySelector('#health').innerText`), 'unreachable')
    await page.until(`/connection\\s+1/.test(${card('Outages')}.innerText)`)
    service.send('back')
    await page.until(health('failing'))
  })

  test('language and colours are those of the browser until others are chosen, which are remembered', async () => {
    const theme = 'document.documentElement.dataset.theme'
    await page.prefer('dark')
    await page.until(`${theme} === 'dark'`)
    for (const key of ['Tab', 'Enter']) await page.press(key)
    await page.until(`document.documentElement.lang === 'zh-CN'`)
    await page.until(`document.body.innerText.includes('各表写入速率')`)
    assert.is(await page.evaluate(`document.activeElement.matches('button:focus-visible')`), true, 'the focus is seen')
    for (const key of ['Tab', 'Enter']) await page.press(key)
    await page.until(`${theme} === 'light'`)
    await page.visit(`http://127.0.0.1:${port}/`)
    await page.until(`document.body.innerText.includes('各表写入速率') && ${theme} === 'light'`)
    await page.evaluate('localStorage.clear()')
  })

  test('fits a phone and a desk, and can be read in both themes', async () => {
    for (const [width, scheme] of [
      [390, 'dark'],
      [390, 'light'],
      [1280, 'dark'],
      [1280, 'light'],
    ] as const) {
      await page.resize(width, 900)
      await page.prefer(scheme)
      await page.until(`document.querySelectorAll('td a').length > 0`)
      assert.is(await page.evaluate('document.documentElement.scrollWidth'), width, 'nothing is wider')
      assert.equal(await page.evaluate(PALE), [], `${scheme}, ${width} pixels`)
    }
  })

  test('a page that nobody sees asks nothing, and goes on when it is looked at', async () => {
    const hide = (hidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
        void document.dispatchEvent(new Event('visibilitychange'))`)
    const looks = () => page.evaluate<number>(`performance.getEntriesByType('resource').length`)
    await hide(true)
    await sleep(2000) // the look that was on its way
    const before = await looks()
    await sleep(3000)
    assert.is(await looks(), before)
    await hide(false)
    await page.until(`performance.getEntriesByType('resource').length > ${before}`)
  })
}

test.run()
