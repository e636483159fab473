import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    postgres: 'src/drivers/postgres/index.ts',
    mysql: 'src/drivers/mysql/index.ts',
    sqlite: 'src/drivers/sqlite/index.ts',
    redis: 'src/drivers/redis/index.ts',
    'redis-streams': 'src/sources/redis-streams/index.ts',
    otel: 'src/telemetry/index.ts',
    testing: 'src/testing/index.ts',
    prometheus: 'src/prometheus/index.ts',
    consume: 'src/consume/index.ts',
  },
  format: ['esm', 'cjs'],
  target: 'node20',
  platform: 'node',
  dts: true,
  sourcemap: true,
  fixedExtension: true,
})
