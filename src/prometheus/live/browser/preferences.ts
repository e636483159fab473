import { LANGUAGES, type Language, languageOf } from '../model/texts.ts'

export type Theme = 'light' | 'dark'

const dark = matchMedia('(prefers-color-scheme: dark)')

/** What was chosen on this page, else what the browser prefers. Without storage a choice holds until the page is closed. */
export class Preferences {
  #language = LANGUAGES.find((one) => one === recall('language'))
  #theme = (['light', 'dark'] as const).find((one) => one === recall('theme'))

  get language(): Language {
    return this.#language ?? languageOf(navigator.languages)
  }

  get theme(): Theme {
    return this.#theme ?? (dark.matches ? 'dark' : 'light')
  }

  nextLanguage(): void {
    this.#language = this.language === 'en' ? 'zh' : 'en'
    remember('language', this.#language)
  }

  nextTheme(): void {
    this.#theme = this.theme === 'dark' ? 'light' : 'dark'
    remember('theme', this.#theme)
  }
}

/** Calls back when the system goes dark or light. */
export function onSystemTheme(changed: () => void): void {
  dark.addEventListener('change', changed)
}

function recall(name: string): string | null {
  try {
    return localStorage.getItem(`batchflow.${name}`)
  } catch {
    return null // storage may be forbidden
  }
}

function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`batchflow.${name}`, value)
  } catch {
    // as in recall
  }
}
