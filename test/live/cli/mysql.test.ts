import { createConnection } from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { command } from '../../cli/command.ts'
import { type Count, killedAndResumed, ROWS, TABLE } from '../../cli/killed.ts'
import { needed, servers } from '../../support/servers/servers.ts'

const test = suite('the command line and MySQL')
const { url, version } = needed(await servers.mysql())
const NAME = `cli_check_${process.pid}`

test('check: a right that a role grants is not said to be missing', async () => {
  const admin = await createConnection({ uri: url, multipleStatements: true })
  const { hostname } = new URL(url)
  const user = `${NAME}@'%'`
  await admin.query(`CREATE TABLE ${NAME} (id int PRIMARY KEY, name text);
    CREATE ROLE ${NAME}_role; GRANT INSERT, UPDATE ON ${NAME} TO ${NAME}_role;
    CREATE USER ${user} IDENTIFIED BY 'secret'; GRANT ${NAME}_role TO ${user}; GRANT SELECT ON ${NAME} TO ${user};
    SET DEFAULT ROLE ${NAME}_role ${/MariaDB/.test(version) ? 'FOR' : 'TO'} ${user}`)
  try {
    const to = new URL(url)
    Object.assign(to, { hostname, username: NAME, password: 'secret' })
    const { code, stdout } = await command(['check', '--to', to.href, '-t', NAME, '--on-conflict', 'update:id'])
    assert.match(stdout, /^\? {3}whether there is the right to INSERT could not be told$|^ok {2}the right to INSERT$/m)
    assert.match(stdout, 'ok  the right to SELECT')
    assert.match(stdout, 'ok  a batch without rows goes through')
    assert.not.match(stdout, 'BAD')
    assert.is(code, 0)
  } finally {
    await admin.query(`DROP USER ${user}; DROP ROLE ${NAME}_role; DROP TABLE ${NAME}`)
    await admin.end()
  }
})

test('load: after it was killed each line is there exactly once', async () => {
  const client = await createConnection({ uri: url })
  await client.query(`CREATE TABLE ${TABLE} (id integer, name text)`)
  try {
    const row = async () => {
      const [rows] = await client.query(`SELECT count(*) AS n, count(DISTINCT id) AS d FROM ${TABLE}`)
      return (rows as Count[])[0]!
    }
    await killedAndResumed(url, async () => (await row()).n)
    assert.equal({ ...(await row()) }, { n: ROWS, d: ROWS })
  } finally {
    await client.query(`DROP TABLE ${TABLE}`)
    await client.end()
  }
})

test.run()
