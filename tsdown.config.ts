import { readFile, writeFile } from 'node:fs/promises'
import { defineConfig } from 'tsdown'

/** What a service imports. */
const library = defineConfig({
  entry: {
    index: 'src/index.ts',
    postgres: 'src/drivers/postgres/index.ts',
    mysql: 'src/drivers/mysql/index.ts',
    sqlite: 'src/drivers/sqlite/index.ts',
    redis: 'src/drivers/redis/index.ts',
    schema: 'src/schema/index.ts',
    spool: 'src/sources/spool/index.ts',
    'redis-streams': 'src/sources/redis-streams/index.ts',
    otel: 'src/telemetry/index.ts',
    testing: 'src/testing/index.ts',
    prometheus: 'src/prometheus/index.ts',
    consume: 'src/consume/index.ts',
    nats: 'src/sources/nats/index.ts',
    kafka: 'src/sources/kafka/index.ts',
  },
  format: ['esm', 'cjs'],
  target: 'node20',
  platform: 'node',
  dts: true,
  sourcemap: true,
  fixedExtension: true,
})

const BUNDLED = ['commander', 'hyparquet', 'hyparquet-compressors', 'hysnappy', 'fzstd']

/**
 * What `npx batchflow-otel` runs. What it needs of others is bundled, so that nobody who does not use it installs anything for
 * it; of this package it uses the doors that everybody does.
 */
const commandLine = defineConfig({
  entry: { main: 'src/cli/main.ts' },
  outDir: 'dist/cli',
  format: 'esm',
  target: 'node20',
  platform: 'node',
  dts: false,
  clean: false,
  fixedExtension: true,
  deps: { neverBundle: [/^batchflow-otel(\/|$)/], onlyBundle: BUNDLED },
  onSuccess: async () => {
    const texts = BUNDLED.map(async (name) => `${name}\n\n${await readFile(`node_modules/${name}/LICENSE`, 'utf8')}`)
    await writeFile('dist/cli/THIRD-PARTY-NOTICES.txt', (await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n\n`))
  },
})

export default [library, commandLine]
