import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** The browser's program, if there is one; otherwise it says what would provide it. */
export function findChromium(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const program = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(executable)
  if (program === undefined) console.log('SKIPPED chromium: apt-get install chromium')
  return program
}

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: { readonly request?: { readonly url: string } }
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

/** A browser without a window, driven over its own protocol through a pair of pipes. */
export class Chromium {
  readonly #child: ChildProcess
  readonly #profile: string
  readonly #answers = new Map<number, (message: Message) => void>()
  /** What the pages wrote to their consoles, and what they broke. */
  readonly complaints: string[] = []
  /** What they asked for, wherever. */
  readonly requests: string[] = []
  #id = 0

  constructor(program: string) {
    this.#profile = mkdtempSync(join(tmpdir(), 'batchflow-chromium-'))
    const root = process.getuid?.() === 0 ? ['--no-sandbox'] : []
    const args = [
      '--headless',
      '--remote-debugging-pipe',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--hide-scrollbars',
    ]
    this.#child = spawn(program, [...args, ...root, `--user-data-dir=${this.#profile}`, '--no-first-run'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    })
    this.#listen(this.#child.stdio[4] as Readable)
  }

  /** An empty page of that many pixels. */
  async open(width: number, height: number): Promise<Page> {
    const { targetId } = await this.call<{ targetId: string }>('Target.createTarget', { url: 'about:blank' })
    const attach = { targetId, flatten: true }
    const { sessionId } = await this.call<{ sessionId: string }>('Target.attachToTarget', attach)
    const page = new Page(this, sessionId)
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await page.call(`${domain}.enable`)
    await page.resize(width, height)
    return page
  }

  call<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    const id = ++this.#id
    return new Promise((resolve, reject) => {
      this.#answers.set(id, ({ result, error }) =>
        error === undefined ? resolve(result as T) : reject(new Error(`${method}: ${error.message}`)),
      )
      const writable = this.#child.stdio[3] as Writable
      writable.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await ended
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  #listen(pipe: Readable): void {
    let rest = ''
    pipe.setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0')
      rest = messages.pop() ?? ''
      for (const message of messages) this.#hear(JSON.parse(message))
    })
  }

  #hear(message: Message): void {
    const answer = this.#answers.get(message.id ?? 0)
    if (message.id !== undefined) {
      this.#answers.delete(message.id)
      answer?.(message)
    } else if (message.method === 'Runtime.exceptionThrown' || message.method === 'Log.entryAdded') {
      this.complaints.push(JSON.stringify(message.params))
    } else if (message.method === 'Network.requestWillBeSent') {
      this.requests.push(message.params?.request?.url ?? '')
    }
  }
}

export class Page {
  readonly #browser: Chromium
  readonly #session: string

  constructor(browser: Chromium, session: string) {
    this.#browser = browser
    this.#session = session
  }

  call<T>(method: string, params: object = {}): Promise<T> {
    return this.#browser.call(method, params, this.#session)
  }

  async visit(url: string): Promise<void> {
    await this.call('Page.navigate', { url })
  }

  async resize(width: number, height: number): Promise<void> {
    const mobile = width < 600
    await this.call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile })
  }

  /** What the browser says it prefers: `dark`, `light`. */
  async prefer(scheme: string): Promise<void> {
    await this.call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] })
  }

  /** The value of an expression of the page, as JSON has it. */
  async evaluate<T>(expression: string): Promise<T> {
    type Answer = { result: { value: T }; exceptionDetails?: unknown }
    const { result, exceptionDetails } = await this.call<Answer>('Runtime.evaluate', {
      expression,
      returnByValue: true,
    })
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
    return result.value
  }

  /** Resolves as soon as the expression is true. */
  async until(expression: string, patience = 30_000): Promise<void> {
    const end = performance.now() + patience
    while (!(await this.evaluate<boolean>(`Boolean(${expression})`).catch(() => false))) {
      if (performance.now() > end) {
        throw new Error(`never: ${expression}\n${await this.evaluate('document.body.innerText')}`)
      }
      await sleep(50)
    }
  }

  async press(key: string): Promise<void> {
    for (const type of ['keyDown', 'keyUp']) {
      await this.call('Input.dispatchKeyEvent', { type, key, code: key, ...KEYS[key] })
    }
  }

  /** A picture as PNG: of the window, or of all the page. */
  async screenshot(all = false): Promise<Buffer> {
    const { data } = await this.call<{ data: string }>('Page.captureScreenshot', { captureBeyondViewport: all })
    return Buffer.from(data, 'base64')
  }
}

const KEYS: Readonly<Record<string, object>> = {
  Tab: { windowsVirtualKeyCode: 9 },
  Enter: { windowsVirtualKeyCode: 13, text: '\r' },
}
