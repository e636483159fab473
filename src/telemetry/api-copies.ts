import { metrics } from '@opentelemetry/api'
import { SCOPE } from './scope.ts'

/** Where all copies of version 1 of the API keep what was registered. A copy does not read what an older one registered. */
const REGISTERED: unique symbol = Symbol.for('opentelemetry.js.api.1')

const holder = globalThis as typeof globalThis & { [REGISTERED]?: { readonly version: string } | undefined }

let said = false

/**
 * To be called when no SDK is found: where one was registered with another copy of `@opentelemetry/api`, of another version,
 * a process warning names both versions, once. The API itself only tells a logger, which was lost in the same way.
 *
 * @returns whether that is so
 */
export function warnOfOtherApi(): boolean {
  const registered = holder[REGISTERED]?.version
  if (registered === undefined) return false
  const own = ownVersion()
  if (registered === own) return false
  if (!said) {
    said = true
    process.emitWarning(
      `there are two copies of @opentelemetry/api: an SDK was registered with ${registered}, and ${SCOPE.name} uses ${own}, ` +
        'which does not see it; `npm ls @opentelemetry/api` tells who brings them, one of them has to go',
      { code: 'BATCHFLOW_OTEL_API' },
    )
  }
  return true
}

/** The API does not export its version, but whoever registers first leaves it behind. */
function ownVersion(): string | undefined {
  const others = holder[REGISTERED]
  holder[REGISTERED] = undefined
  try {
    metrics.setGlobalMeterProvider(metrics.getMeterProvider())
    return (holder as { [REGISTERED]?: { readonly version: string } })[REGISTERED]?.version
  } finally {
    holder[REGISTERED] = others
  }
}
