/**
 * Has `instanceof` recognise what another copy of this package made: an application may load it by `require` and by
 * `import`, or have it bundled twice. Subclasses of the user's own are told apart as usual.
 *
 * @param name the same in every copy; a class's own name is not, once it is minified
 */
export function brand(of: abstract new (...args: never[]) => object, name: string): void {
  const mark = Symbol.for(`batchflow-otel.${name}.1`)
  Object.defineProperty(of.prototype, mark, { value: true })
  Object.defineProperty(of, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== of) return Function.prototype[Symbol.hasInstance].call(this as never, value)
      return typeof value === 'object' && value !== null && mark in value
    },
  })
}
