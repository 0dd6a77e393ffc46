import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { decodeFile } from '../../../src/media/decode.ts'
import { encodeWav } from './wav-files.ts'

const folder = await mkdtemp(join(tmpdir(), 'tonewire-decode-'))
after(() => rm(folder, { recursive: true }))
const options = { maxDurationS: 60, highestRateHz: 16_000 }

async function fileOf(name: string, content: Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

test('what a file is, its content decides and not its name', async () => {
  const path = await fileOf('song.mp3', encodeWav({ samples: new Float32Array(1600).fill(0.1) }))
  assert.equal((await decodeFile(path, options)).sound.samples.length, 1600)
})

test('a format that only ffmpeg reads is named in the sentence where there is none', async () => {
  const path = await fileOf('a.flac', Buffer.from(`fLaC${'\0'.repeat(100)}`))
  await assert.rejects(decodeFile(path, options, null), { code: 'codec-unsupported', detail: /is FLAC, and only WAV/ })
})

test('what is no recording is undecodable', async () => {
  for (const content of ['', 'hello', '<html>'.repeat(50)]) {
    await assert.rejects(decodeFile(await fileOf('x.wav', Buffer.from(content)), options), {
      code: 'recording-undecodable',
    })
  }
})
