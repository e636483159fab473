import type { Classifier } from '../contract/reasons.ts'

/** One list per process: the CommonJS and the ESM copy of this package share it. */
const KEY = Symbol.for('batchflow-otel.classifiers.1')
const globals = globalThis as { [KEY]?: Set<Classifier> }
globals[KEY] ??= new Set()
const registered: Set<Classifier> = globals[KEY]

/**
 * Teaches every executor of this process to recognise an error, for a proxy or an extension with codes of its own. Asked
 * after the executor's own `withErrorClassifier` and before the driver; the one registered last comes first.
 *
 * @returns takes it back
 */
export function registerErrorClassifier(classify: Classifier): () => void {
  // A function of its own, so that registering one classifier twice and taking it back once leaves one.
  const entry: Classifier = (error) => classify(error)
  registered.add(entry)
  return () => void registered.delete(entry)
}

export function registeredClassifiers(): Classifier[] {
  return [...registered].reverse()
}
