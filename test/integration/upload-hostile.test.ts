import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toneWav } from '../support/recordings.ts'
import { openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'
import { multipart } from '../support/uploads.ts'

const WAV = toneWav()
const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api'], places, { ...env, UPLOAD_STALL_S: '20' })
const FORM = 'multipart/form-data; boundary=XBOUNDARYX'

/** A form whose only part has these lines for a head. */
function formOf(...lines: readonly string[]): Buffer {
  const head = Buffer.from(`--XBOUNDARYX\r\n${lines.join('\r\n')}\r\n\r\n`)
  return Buffer.concat([head, WAV, Buffer.from('\r\n--XBOUNDARYX--\r\n')])
}

function putReference(body: Buffer): Promise<Response> {
  const headers = { authorization: `Bearer ${TEST_KEY}`, 'content-type': FORM }
  return fetch(`${system.url}/v1/tokens/greeting-1`, { method: 'PUT', headers, body: new Uint8Array(body) })
}

async function refusal(response: Response): Promise<[status: number, code: unknown]> {
  const { code } = (await response.json()) as { code?: string }
  return [response.status, code]
}

test('a file part without a name is a fault of the form, not of ours', async () => {
  const nameless = formOf('content-disposition: form-data; filename="a.wav"')
  const upload = await uploadRaw(system.url, nameless, { contentType: FORM })
  assert.deepEqual(await refusal(upload), [400, 'upload-no-file'])
  assert.deepEqual(await refusal(await putReference(nameless)), [400, 'upload-malformed'])
})

test('a small form that is cut short is refused at once, not waited for', async () => {
  for (const missing of [1, 10, 20, 1000]) {
    const whole = multipart([['file', WAV, 'a.wav']])
    const cut = whole.subarray(0, whole.length - missing)
    const startedAt = performance.now()
    const [status, code] = await refusal(await uploadRaw(system.url, cut, { contentType: FORM }))
    // What is left out of the closing line's own end changes nothing.
    if (missing > 2) assert.deepEqual([status, code], [400, 'upload-malformed'], `${missing} bytes missing`)
    assert.ok(performance.now() - startedAt < 10_000, `${missing} bytes missing`)
    const reference = multipart([['audio', WAV, 'a.wav']])
    const put = await putReference(reference.subarray(0, reference.length - Math.max(missing, 20)))
    assert.deepEqual(await refusal(put), [400, 'upload-malformed'], `${missing} bytes missing of a reference`)
  }
})
