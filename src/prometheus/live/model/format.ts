import type { Language } from './texts.ts'

export type Unit = 'count' | 'perSecond' | 'share' | 'seconds'

export type Format = (value: number | null | undefined) => string

/** What stands for no value. */
export const NONE = '–'

const LOCALES = { en: 'en-GB', zh: 'zh-CN' } as const satisfies Record<Language, string>

/** Writes values of a unit with about three digits: `12.4k/s`, `35 ms`, `99.86%`. */
export function formatOf(unit: Unit, language: Language): Format {
  const write = writerOf(unit, LOCALES[language])
  return (value) => (value === null || value === undefined || !Number.isFinite(value) ? NONE : write(value))
}

function writerOf(unit: Unit, locale: string): (value: number) => string {
  const digits = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 })
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 })
  // Not rounded up: 99.996% must not read 100%.
  const percent = new Intl.NumberFormat(locale, {
    style: 'percent',
    maximumFractionDigits: 2,
    roundingMode: 'trunc',
  } as object)
  const short = (value: number) => (value >= 1000 && value < 1e4 ? whole : compact(locale)).format(value)
  if (unit === 'share') return (value) => percent.format(value)
  if (unit === 'perSecond') return (value) => `${short(value)}/s`
  if (unit === 'count') return short
  return (value) => {
    if (value === 0) return '0 s'
    if (value < 0.001) return `${digits.format(value * 1e6)} µs`
    if (value < 1) return `${digits.format(value * 1000)} ms`
    return value < 120 ? `${digits.format(value)} s` : `${digits.format(value / 60)} min`
  }
}

/** Thousands in both languages, as all else that measures computers has them. */
function compact(locale: string): Intl.NumberFormat {
  const language = locale === LOCALES.zh ? 'en-GB' : locale
  return new Intl.NumberFormat(language, { notation: 'compact', maximumSignificantDigits: 3 })
}

/** The time of the day. */
export function clockOf(language: Language): (at: number) => string {
  const clock = new Intl.DateTimeFormat(LOCALES[language], { timeStyle: 'medium', hourCycle: 'h23' })
  return (at) => clock.format(at)
}
