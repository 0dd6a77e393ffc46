/** docs/streams.md: its configuration of nginx, as it stands there, between a client and the API. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { findProgram } from '../../src/embedded/find-program.ts'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { openEvents } from '../support/events.ts'
import { uploadTone } from '../support/outages.ts'
import { ROOT, waitForReady } from '../support/processes.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const nginx = findProgram('nginx')
const NO_NGINX = nginx === undefined && 'there is no nginx on this machine'

/** The document's servers, with these ports, run by an nginx of our own. */
async function startNginx(apiPort: number): Promise<string> {
  const port = await findFreePort()
  const dir = await mkdtemp(join(tmpdir(), 'tonewire-nginx-'))
  const text = await readFile(join(ROOT, 'docs/streams.md'), 'utf8')
  const servers = /```nginx\n(.*?)```/s.exec(text)?.[1] ?? ''
  assert.match(servers, /127\.0\.0\.1:3000;.*listen 8080;/s)
  const own = servers.replace('127.0.0.1:3000', `127.0.0.1:${apiPort}`).replace('8080', `127.0.0.1:${port}`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${dir}/${name};`,
  )
  const http = `http { access_log off; ${temporary.join(' ')}\n${own} }`
  const head = `daemon off; pid ${dir}/pid; error_log stderr; worker_processes 1;`
  await writeFile(join(dir, 'nginx.conf'), `${head} events { worker_connections 256; }\n${http}`)
  const child = spawn(nginx ?? '', ['-p', dir, '-c', join(dir, 'nginx.conf')], { stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (chunk) => (errors += chunk))
  const ended = once(child, 'close')
  after(async () => {
    child.kill('SIGQUIT')
    await ended
    await rm(dir, { recursive: true, force: true })
  })
  const url = `http://127.0.0.1:${port}`
  await Promise.race([waitForReady(`${url}/readyz`), ended.then(() => assert.fail(`nginx ended:\n${errors}`))])
  return url
}

test('behind nginx uploads pass, and every event comes at once', { skip: NO_NGINX }, async () => {
  const { places, env } = await openTestPlaces()
  const roles = ['api', 'forward', 'analyse', 'record', 'reconcile'] as const
  const system = await startTestSystem(roles, places, { ...env, TRUST_PROXY: '1' })
  const url = await startNginx(Number(new URL(system.url).port))
  const stream = await openEvents(`${url}/v1/events`, TEST_KEY)
  assert.equal(stream.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  const { job_id: jobId } = await uploadTone({ url })
  // The stream goes on: what was held back in a buffer would never come.
  await stream.waitFor(({ event, data }) => event === 'completed' && data.job_id === jobId)
  assert.ok(stream.events.length > 3)
  const own = await openEvents(`${url}/v1/jobs/${jobId}/events`, TEST_KEY)
  await own.ended
  assert.equal(own.events.at(-1)?.data.status, 'completed')
  assert.equal((await getJson(`${url}/v1/jobs/${jobId}?wait_s=1`, TEST_KEY)).body.status, 'completed')
  stream.close()
  await system.stop()
})
