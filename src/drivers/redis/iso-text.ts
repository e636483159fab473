const DAY = 86_400_000
const TWO = Array.from({ length: 60 }, (_, i) => String(i).padStart(2, '0'))
const THREE = Array.from({ length: 1000 }, (_, i) => String(i).padStart(3, '0'))

let day = Number.NaN
/** Of that day, up to the `T`. */
let date = ''

/**
 * What `toISOString` says, in a tenth of its time: dates of one batch are mostly of one day, which is worked out once.
 *
 * @param time ms since 1970, valid
 */
export function isoText(time: number): string {
  const of = Math.floor(time / DAY)
  if (of !== day) {
    date = new Date(of * DAY).toISOString().slice(0, -'00:00:00.000Z'.length)
    day = of
  }
  const rest = time - of * DAY
  const seconds = Math.trunc(rest / 1000)
  const minutes = Math.trunc(seconds / 60)
  return `${date}${TWO[Math.trunc(minutes / 60)]}:${TWO[minutes % 60]}:${TWO[seconds % 60]}.${THREE[rest % 1000]}Z`
}
