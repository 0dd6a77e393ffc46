/** A page of another origin sends recordings straight to S3, in a real browser. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import type { Page } from 'playwright-core'
import { NO_BROWSER, openBrowser } from '../support/browser.ts'
import { startCorsProxy } from '../support/cors-proxy.ts'
import { openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const MIB = 1024 * 1024
const skip = NO_BROWSER

// biome-ignore lint/suspicious/noExplicitAny: what the API answers, in a page without its types
type Answer = Record<string, any>

/** What a page does; it knows nothing but the API's URL and its key. The recording is silence in a WAV. */
async function uploadFromPage({ url, key, bytes }: { url: string; key: string; bytes: number }) {
  const recording = new Uint8Array(bytes)
  const view = new DataView(recording.buffer)
  const header = [0x52494646, 0, 0x57415645, 0x666d7420, 0, 0, 0, 0, 0, 0x64617461, 0]
  for (const [index, word] of header.entries()) view.setUint32(4 * index, word)
  for (const [at, value] of [
    [4, bytes - 8],
    [16, 16],
    [20, 0x10001],
    [24, 16_000],
    [28, 32_000],
    [32, 0x100002],
    [40, bytes - 44],
  ] as const) {
    view.setUint32(at, value, true)
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', recording))
  const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  const call = async (path: string, body: object): Promise<Answer> => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
    return { requestId: answer.headers.get('x-request-id'), ...((await answer.json()) as Answer) }
  }
  const offered = await call('/v1/uploads', { content_type: 'audio/wav', size_bytes: bytes, sha256 })
  const { job_id, part_size_bytes: size, headers } = offered
  const etags = new Map<number, string>()
  const tries = []
  let { urls, parts } = offered
  while (parts.length > 0) {
    tries.push(parts.join())
    const failed: number[] = []
    for (const [index, part] of parts.entries()) {
      const body = recording.slice((part - 1) * size, part * size)
      const answer = await fetch(urls[index], { method: 'PUT', headers, body })
      if (answer.ok) etags.set(part, answer.headers.get('etag') ?? '')
      else failed.push(part)
    }
    parts = []
    if (failed.length > 0) ({ urls, parts } = await call(`/v1/uploads/${job_id}/urls`, { parts: failed }))
  }
  const done = [...etags].map(([part_number, etag]) => ({ part_number, etag }))
  const job = await call(`/v1/uploads/${job_id}/complete`, offered.method === 'put' ? {} : { parts: done })
  return {
    method: offered.method,
    tries,
    requestId: job.requestId,
    status: job.status,
    same: job.sha256 === sha256,
    job,
  }
}

test('a page of a named origin', { skip }, async (t) => {
  const named = await servePage()
  const other = await servePage()
  const { places, env, aws } = await openTestPlaces()
  const proxy = await startCorsProxy(aws.endpoint, named, 'embedded')
  const system = await startTestSystem(['api'], places, {
    ...env,
    CORS_ORIGINS: named,
    S3_PUBLIC_ENDPOINT_URL: proxy.url,
  })
  const browser = await openBrowser()
  const open = async (url: string): Promise<Page> => {
    const page = await browser.newPage()
    await page.goto(url)
    return page
  }
  const page = await open(named)

  await t.test('sends a small recording with one PUT', async () => {
    const { method, requestId, same, job } = await page.evaluate(uploadFromPage, {
      url: system.url,
      key: TEST_KEY,
      bytes: 200_000,
    })
    assert.deepEqual([method, same], ['put', true], JSON.stringify(job))
    assert.equal(typeof requestId, 'string')
  })

  await t.test('sends 20 MiB in parts, of which one fails and is signed again', async () => {
    proxy.failPart(2)
    const sent = await page.evaluate(uploadFromPage, { url: system.url, key: TEST_KEY, bytes: 20 * MIB })
    assert.deepEqual([sent.method, sent.tries, sent.same], ['parts', ['1,2,3', '2'], true], JSON.stringify(sent.job))
  })

  await t.test('and only it: the browser lets a page of another origin reach neither the API nor S3', async () => {
    const stranger = await open(other)
    const toApi = stranger.evaluate(uploadFromPage, { url: system.url, key: TEST_KEY, bytes: 1000 })
    await assert.rejects(toApi, /Failed to fetch/)
    const toStore = stranger.evaluate(
      (url) => fetch(url, { method: 'PUT', body: 'x' }).then(() => {}),
      `${proxy.url}/a/b`,
    )
    await assert.rejects(toStore, /Failed to fetch/)
  })
})

/** A page with nothing in it, on an origin of its own. */
async function servePage(): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>page</title>')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
