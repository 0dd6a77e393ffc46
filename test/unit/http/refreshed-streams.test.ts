import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { pino } from 'pino'
import { loadConfig } from '../../../src/config.ts'
import { hashKey } from '../../../src/domain/api-key.ts'
import { formatCursor } from '../../../src/domain/cursor.ts'
import { createApp } from '../../../src/http/app.ts'
import { addFollowedJob, createDeafPorts, moveTo } from '../services/followers.ts'

const KEY = 'test-key-of-acme'

test('an open stream that heard nothing of what was published is told within two heartbeats', async () => {
  const { ports, asked } = createDeafPorts()
  await ports.keys.ensure({ owner: 'acme', role: 'user', keyHash: hashKey(KEY), name: 'test' })
  const config = loadConfig({ PORT: '0' })
  const app = await createApp({
    ports,
    limits: config,
    rules: config,
    auth: { sessionSecret: undefined, accessTokens: undefined },
    logger: pino({ level: 'silent' }),
    streamLimits: { heartbeatMs: 20 },
    checks: {},
    isStopping: () => false,
    renderMetrics: async () => ({ contentType: 'text/plain', text: '' }),
    metricsToken: undefined,
    onLoopback: true,
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const { job, cursor } = await addFollowedJob(ports, 'queued')
  const headers = { authorization: `Bearer ${KEY}`, 'last-event-id': formatCursor(cursor) }
  const request = get({ port, host: '127.0.0.1', path: '/v1/events', headers })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const part of response.setEncoding('utf8')) {
    text += part
    // It has begun: from now on it could hear.
    if (!asked.isDeaf && text.includes('id: ')) {
      asked.isDeaf = true
      await moveTo(ports, job, 'forwarded')
    }
    if (text.includes('event: progress')) break
  }
  assert.match(text, /"status":"forwarded"/)
  await app.close()
})
