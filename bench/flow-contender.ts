export { flowContender } from './support/flow-contender.ts'
