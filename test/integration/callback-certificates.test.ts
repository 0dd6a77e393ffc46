/** Callbacks over TLS, to endpoints whose certificates openssl makes here. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { createCallbackSender } from '../../src/callbacks/callback-sender.ts'
import { findProgram } from '../../src/embedded/find-program.ts'
import { deliverCallback } from '../../src/services/deliver-callbacks.ts'
import { addJob, createFakePorts } from '../support/fake-ports.ts'
import { startProcess } from '../support/processes.ts'

const skip = findProgram('openssl') === undefined && 'no openssl on this machine'
const folder = await mkdtemp(join(tmpdir(), 'tonewire-certificates-'))
after(() => rm(folder, { recursive: true, force: true }))
const UNKNOWN = /^The certificate is of no authority that is known here: use one of a public authority/

const openssl = (...args: string[]) => promisify(execFile)('openssl', args, { cwd: folder })
const NEW_KEY = ['-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=test']

async function makeAuthority(): Promise<string> {
  await openssl('req', '-x509', ...NEW_KEY, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2')
  return join(folder, 'ca.pem')
}

/** The URL of an endpoint with a certificate for this host, of our authority. */
async function listen(host: string): Promise<string> {
  await openssl('req', '-new', ...NEW_KEY, '-keyout', `${host}.key`, '-out', `${host}.csr`)
  await writeFile(join(folder, `${host}.ext`), `subjectAltName=DNS:${host}`)
  const files = ['-in', `${host}.csr`, '-extfile', `${host}.ext`, '-out', `${host}.pem`]
  await openssl('x509', '-req', ...files, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2')
  const [key, cert] = await Promise.all(['key', 'pem'].map((kind) => readFile(join(folder, `${host}.${kind}`))))
  const server = createServer({ key, cert }, (_, response) => void response.writeHead(204).end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `https://localhost:${(server.address() as AddressInfo).port}/hook`
}

test('an endpoint of an authority that is not known fails with what to do, and is tried again', { skip }, async () => {
  await makeAuthority()
  const callbackUrl = await listen('localhost')
  const callbackSender = createCallbackSender({ allowLoopback: true })
  after(() => callbackSender.close())
  const ports = { ...createFakePorts(), callbackSender }
  const { owner, jobId } = await addJob(ports, 'completed', { callbackUrl })
  const [claimed] = await ports.deliveries.claim({ limit: 1, perOwner: 1, leaseS: 60 })
  await deliverCallback(ports, claimed!, new AbortController().signal)
  const [delivery] = await ports.deliveries.list(owner, jobId)
  assert.deepEqual([delivery?.status, delivery?.tries, delivery?.lastStatus], ['pending', 1, null])
  assert.match(delivery?.lastError ?? '', UNKNOWN)
  assert.ok(+delivery!.nextTryAt! > Date.now())
})

test('with the authority in NODE_EXTRA_CA_CERTS it is called, and a certificate for another host is not', {
  skip,
}, async () => {
  const authority = await makeAuthority()
  const urls = [await listen('localhost'), await listen('elsewhere.example')]
  const env = { NODE_EXTRA_CA_CERTS: authority }
  const sending = startProcess(['test/integration/fixtures/send-callback.ts', ...urls], env)
  assert.equal((await sending.ended).code, 0, sending.output())
  const [good, other] = sending
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
  assert.deepEqual(good, { kind: 'answered', status: 204, retryAfterS: null })
  assert.deepEqual(other, {
    kind: 'failed',
    sentence: 'The certificate is for another host than that of callback_url.',
  })
})
