/**
 * Grafana's rules for variables, as its documentation has them ("Variable syntax", "Advanced variable format options") and
 * its packages @grafana/scenes and @grafana/prometheus do it. Those bring 200 packages with them and do not load in Node as
 * ES modules, so the rules are written down here.
 */

/** A variable: its values, or "All", with what its `allValue` says. */
export type Variable = { readonly values: readonly string[] } | { readonly all: string }

export type Variables = Readonly<Record<string, Variable>>

const RESERVED = /[!'()*]/g
const hex = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
const encodeComponent = (text: string) => encodeURIComponent(text).replace(RESERVED, hex)
const encodeUri = (text: string) => encodeURI(text).replace(RESERVED, hex)
const glob = (values: readonly string[]) => (values.length === 1 ? (values[0] ?? '') : `{${values.join(',')}}`)

/** A query as the Prometheus data source sends it: several values become alternatives of a regular expression. */
export function filledQuery(expr: string, variables: Variables, windows: Readonly<Record<string, string>>): string {
  return expr.replace(/\$(\w+)/g, (_, name: string) => {
    const variable = variables[name]
    if (variable === undefined) return windows[name] ?? missing(name)
    if ('all' in variable) return variable.all
    const escaped = variable.values.map((value) =>
      value.replace(/\\/g, '\\\\\\\\').replace(/[$^*{}[\]+?.()|]/g, '\\\\$&'),
    )
    return escaped.length === 1 ? (escaped[0] ?? '') : `(${escaped.join('|')})`
  })
}

/** A link as it is opened: without a format a value is encoded as a URI is, which leaves `&`, `#` and `+` alone. */
export function filledLink(url: string, variables: Variables, fields: Readonly<Record<string, string>> = {}): string {
  return url.replace(/\$\{([\w.]+)(?::(\w+))?\}/g, (_, name: string, format?: string) => {
    const field = fields[name]
    if (field !== undefined) return formatted(name, { values: [field] }, format)
    return formatted(name, variables[name] ?? missing(name), format)
  })
}

function formatted(name: string, variable: Variable, format: string | undefined): string {
  if (format === 'queryparam') {
    const values = 'all' in variable ? ['$__all'] : variable.values
    return values.map((value) => `var-${name}=${encodeComponent(value)}`).join('&')
  }
  const text = 'all' in variable ? variable.all : glob(variable.values)
  if (format === 'percentencode') return encodeComponent(text)
  if (format !== undefined) throw new Error(`a format that is not known here: ${format}`)
  return encodeUri(text)
}

function missing(name: string): never {
  throw new Error(`there is no variable ${name}`)
}
