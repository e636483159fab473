/** Two workers of a cluster that ask for one port, `PORT`; prints what became of each. */
import cluster from 'node:cluster'
import { startPrometheus } from '../../../src/prometheus/index.ts'

if (cluster.isPrimary) {
  const said: string[] = []
  cluster.on('message', (_, text: string) => {
    said.push(text)
    if (said.length < 2) return
    console.log(`workers: ${said.sort().join()}`)
    process.exit()
  })
  for (let i = 0; i < 2; i++) cluster.fork()
} else {
  const started = startPrometheus({ port: Number(process.env['PORT']), unref: false })
  process.send?.(
    await started.then(
      () => 'listens',
      ({ code }) => code,
    ),
  )
}
