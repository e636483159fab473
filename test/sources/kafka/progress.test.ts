import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Committer } from '../../../src/sources/kafka/committer.ts'
import { Progress } from '../../../src/sources/kafka/progress.ts'
import { thrownBy } from '../../support/assertions.ts'

const progress = suite('kafka: progress')

const at = (offset: number, publishedAt: number) => ({ position: String(offset), body: '', headers: {}, publishedAt })

progress('how far behind, and since when', () => {
  const partition = new Progress(10n)
  assert.equal(partition.lag(10n, 5000), { messages: 0, seconds: 0 })
  assert.equal(partition.lag(15n, 5000), { messages: 5 }) // nothing of it was seen yet
  partition.delivered([at(10, 1000), at(11, 1500)])
  partition.delivered([at(12, 3000)])
  assert.equal(partition.lag(15n, 5000), { messages: 5, seconds: 4 })
  partition.settled(11n, 1000)
  assert.equal(partition.lag(15n, 5000), { messages: 4, seconds: 4 })
  partition.settled(12n, 1500)
  assert.equal(partition.lag(15n, 5000), { messages: 3, seconds: 2 })
  partition.settled(15n, 4900)
  assert.equal(partition.lag(15n, 5000), { messages: 0, seconds: 0 })
})

progress('commits that wait for one that is under way are one', async () => {
  const commits: (readonly [number, bigint][])[] = []
  const answers: { resolve(): void; reject(error: Error): void }[] = []
  const committer = new Committer((offsets) => {
    commits.push([...offsets])
    return new Promise((resolve, reject) => answers.push({ resolve, reject }))
  })
  const first = committer.commit(0, 1n)
  await new Promise(setImmediate)
  const others = [committer.commit(0, 2n), committer.commit(1, 7n), committer.commit(0, 3n)]
  await new Promise(setImmediate)
  assert.is(commits.length, 1)
  answers[0]?.reject(new Error('no'))
  assert.match(String(await thrownBy(() => first)), 'no')
  await new Promise(setImmediate)
  answers[1]?.resolve()
  await Promise.all(others)
  assert.equal(commits, [
    [[0, 1n]],
    [
      [0, 3n],
      [1, 7n],
    ],
  ])
})

progress.run()
