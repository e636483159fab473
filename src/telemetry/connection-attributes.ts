import type { Attributes } from '@opentelemetry/api'
import {
  ATTR_DB_NAMESPACE,
  ATTR_DB_SYSTEM_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from '@opentelemetry/semantic-conventions'
import type { DriverTarget } from '../contract/driver.ts'
import { DB_SYSTEMS } from './tracing/span-attributes.ts'

/** Which database it is, in the words of the semantic conventions. */
export function connectionAttributes(database: string, target: DriverTarget | undefined): Attributes {
  return {
    [ATTR_DB_SYSTEM_NAME]: DB_SYSTEMS[database] ?? database,
    ...(target?.namespace !== undefined && { [ATTR_DB_NAMESPACE]: target.namespace }),
    ...(target?.address !== undefined && { [ATTR_SERVER_ADDRESS]: target.address }),
    ...(target?.port !== undefined && { [ATTR_SERVER_PORT]: target.port }),
  }
}
