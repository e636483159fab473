const SUFFIX: Readonly<Record<string, string>> = {
  rowsps: ' rows/s',
  ops: ' ops/s',
  eps: ' evt/s',
  mps: ' msg/s',
  Bps: ' B/s',
}

/** A value as Grafana shows it in the given unit. */
export function format(value: number, unit: string | undefined): string {
  if (!Number.isFinite(value)) return '–'
  if (unit === 's') return duration(value)
  if (unit === 'percentunit') return `${digits(value * 100)}%`
  return `${short(value)}${SUFFIX[unit ?? ''] ?? ''}`
}

function duration(seconds: number): string {
  if (seconds === 0) return '0 s'
  if (seconds < 0.001) return `${digits(seconds * 1e6)} µs`
  return seconds < 1 ? `${digits(seconds * 1000)} ms` : `${digits(seconds)} s`
}

function short(value: number): string {
  if (Math.abs(value) >= 1e6) return `${digits(value / 1e6)} Mil`
  return Math.abs(value) >= 1e3 ? `${digits(value / 1e3)} K` : digits(value)
}

function digits(value: number): string {
  return String(Number(value.toPrecision(3)))
}
