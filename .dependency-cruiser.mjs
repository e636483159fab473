/**
 * Which room of src may import from which: `npx depcruise src`, a part of `npm run check`. A room that is not named here
 * may import nothing, so a new one says first what it rests on. Imports of types count, too.
 */

/** What a room may import beside itself. Arrows point one way: flow → executor → lanes → contract → support. */
const rooms = {
  support: [],
  contract: ['support'],
  lanes: ['contract', 'support'],
  executor: ['lanes', 'contract', 'support'],
  flow: ['executor', 'lanes', 'contract', 'support'],
  'drivers/kit': ['contract', 'support'],
  'drivers/postgres': ['drivers/kit', 'contract', 'support'],
  'drivers/mysql': ['drivers/kit', 'contract', 'support'],
  'drivers/sqlite': ['drivers/kit', 'contract', 'support'],
  'drivers/redis': ['drivers/kit', 'contract', 'support'],
  'telemetry/metrics': ['telemetry/*', 'contract', 'support'],
  'telemetry/tracing': ['telemetry/*', 'contract', 'support'],
  'telemetry/*': ['telemetry/metrics', 'telemetry/tracing', 'contract', 'support'],
  // It serves the numbers that telemetry/metrics takes, under the name of their meter.
  prometheus: ['telemetry/metrics', 'telemetry/*', 'contract', 'support'],
  schema: ['contract', 'support'],
  'dead-letters': ['flow', 'contract', 'support'],
  consume: ['flow', 'executor', 'lanes', 'contract', 'support'],
  'sources/kit': ['consume', 'flow', 'executor', 'contract', 'support'],
  'sources/redis-streams': ['sources/kit', 'consume', 'contract', 'support'],
  'sources/nats': ['sources/kit', 'consume', 'contract', 'support'],
  'sources/kafka': ['sources/kit', 'consume', 'contract', 'support'],
  testing: ['executor', 'lanes', 'contract', 'support'],
  // openSpool() makes the worker, too, and so is given what consume() is.
  'sources/spool': ['sources/kit', 'consume', 'executor', 'contract', 'support'],
  // A user of the package like any other: by its doors alone.
  cli: [
    'index.ts',
    'drivers/postgres/index.ts',
    'drivers/mysql/index.ts',
    'drivers/sqlite/index.ts',
    'drivers/redis/index.ts',
    'consume/index.ts',
    'telemetry/index.ts',
    'prometheus/index.ts',
  ],
  'index.ts': ['dead-letters', 'flow', 'executor', 'lanes', 'contract', 'support'],
}

/** A driver's door makes an executor. Nothing else in a driver knows that there are any. */
const doors = ['postgres', 'mysql', 'sqlite', 'redis'].map((name) => `drivers/${name}/index.ts`)

/** `executor.write` makes a flow, but only once it is called: nothing of the executor rests on the flow. */
const CALL = { from: 'executor/executor.ts', to: 'flow/write-rows.ts' }

/** `room/*` stands for the files directly in a room that has others inside. */
const pathOf = (name) => {
  if (name.endsWith('.ts')) return `^src/${name.replace('.', '\\.')}$`
  return name.endsWith('/*') ? `^src/${name.slice(0, -1)}[^/]+$` : `^src/${name}/`
}

const arrows = Object.entries(rooms).map(([room, others]) => ({
  name: `${room} → ${others.join(', ') || 'nothing'}`,
  severity: 'error',
  from: { path: pathOf(room), pathNot: [...doors, CALL.from].map(pathOf) },
  to: { path: '^src/', pathNot: [room, ...others].map(pathOf) },
}))

const callArrow = {
  name: `${CALL.from} → ${CALL.to}, when it is called`,
  severity: 'error',
  from: { path: pathOf(CALL.from) },
  to: { path: '^src/', pathNot: ['executor', CALL.to, ...rooms.executor].map(pathOf) },
}

const doorArrows = doors.map((door) => {
  const room = door.slice(0, door.lastIndexOf('/'))
  const others = ['executor/executor.ts', ...rooms[room]]
  return {
    name: `${door} → ${others.join(', ')}`,
    severity: 'error',
    from: { path: pathOf(door) },
    to: { path: '^src/', pathNot: [room, ...others].map(pathOf) },
  }
})

/** Packages are the user's to choose; these two every flow needs. */
const outside = (...packages) => ({
  path: '.',
  pathNot: [
    '^src/',
    ...packages.map((name) => `^node_modules/@${name.includes('/') ? name : `opentelemetry/${name}`}/`),
  ],
  dependencyTypesNot: ['core'],
})

/** Sources of the live page: they run in the browser, and are shipped as one generated module. */
const BUNDLED = '^src/prometheus/live/(browser|model)/'

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...arrows,
    ...doorArrows,
    callArrow,
    {
      name: 'every room has its arrows',
      severity: 'error',
      from: { path: '^src/', pathNot: Object.keys(rooms).map(pathOf) },
      to: {},
    },
    {
      name: 'no circles, but by a call',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['dynamic-import'] } },
    },
    {
      name: 'no package but the API',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [pathOf('prometheus'), pathOf('sources/nats'), pathOf('sources/kafka'), pathOf('cli')],
      },
      to: outside('api', 'semantic-conventions'),
    },
    {
      name: 'no package but the API and the client of Kafka',
      severity: 'error',
      from: { path: pathOf('sources/kafka'), pathNot: '/client.ts$' },
      to: outside('api', 'semantic-conventions'),
    },
    {
      name: 'no package but the API and the client of NATS',
      severity: 'error',
      from: { path: pathOf('sources/nats') },
      to: outside('api', 'nats-io/jetstream', 'nats-io/transport-node'),
    },
    {
      name: 'no package but those that are bundled with the command line',
      severity: 'error',
      from: { path: pathOf('cli') },
      to: {
        path: '.',
        pathNot: [
          '^src/',
          '^node_modules/(commander|hyparquet|hyparquet-compressors)/',
          '^node_modules/@opentelemetry/sdk-metrics/',
        ],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'no package but the API and sdk-metrics',
      severity: 'error',
      from: { path: pathOf('prometheus'), pathNot: BUNDLED },
      to: outside('api', 'semantic-conventions', 'sdk-metrics'),
    },
    {
      name: 'nothing in the browser but the thresholds and uPlot',
      severity: 'error',
      from: { path: BUNDLED },
      to: { path: '.', pathNot: ['^src/', '^collector/rules/thresholds.ts$', '^node_modules/uplot/'] },
    },
    {
      name: 'the browser gets the bundle, and Node what is no part of it',
      severity: 'error',
      from: { path: '^src/', pathNot: BUNDLED },
      to: { path: BUNDLED },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
