import type { Driver } from '../contract/driver.ts'
import type { Outage } from '../contract/metrics-reporter.ts'

/** Says at once what cannot be reached: at a start that is most often a slip of the pen. */
export function warnOfOutage({ name, target }: Driver, { reason, code, message }: Outage, maxOutage: number): void {
  const address = [target?.address, target?.port].filter((part) => part !== undefined).join(':')
  const place = [name, address && `at ${address}`, target?.namespace && `(${target.namespace})`]
    .filter(Boolean)
    .join(' ')
  const why = [reason, code].filter((part) => part !== undefined).join(', ')
  const patience = maxOutage === Number.POSITIVE_INFINITY ? 'until it does' : `for up to ${maxOutage / 1000} s`
  process.emitWarning(
    `${place} takes no batch (${why})${message && `: ${message}`}; rows wait ${patience} (withRetry: maxOutage)`,
    {
      type: 'BatchFlowWarning',
      code: 'BATCHFLOW_DATABASE_UNREACHABLE',
    },
  )
}
