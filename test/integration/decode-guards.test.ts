/** What a recording must not make ffmpeg do: read other files, reach the network, or outlive the one who started it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, readlinkSync, watch, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { AppError } from '../../src/domain/errors.ts'
import { decodeFile } from '../../src/media/decode.ts'
import { decodeWithFfmpeg } from '../../src/media/decode-ffmpeg.ts'
import { type FfmpegTools, findFfmpeg, limitedCommand } from '../../src/media/ffmpeg-tools.ts'
import { runChild } from '../../src/media/run-child.ts'
import { ffmpeg, NO_FFMPEG, SPEECH, temporaryFolder } from '../support/codecs.ts'
import { isRunning, untilGone } from '../support/processes-by-id.ts'

const folder = temporaryFolder()
const options = { maxDurationS: 60, highestRateHz: 16_000 }
const tools = findFfmpeg()!

describe('a recording that points elsewhere', { skip: NO_FFMPEG }, async () => {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    response.end(readFileSync(SPEECH))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret.wav`
  const playlist = (to: string) => `#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n${to}\n#EXT-X-ENDLIST\n`
  const concat = (to: string) => `ffconcat version 1.0\nfile '${to}'\n`
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="${url}"/></svg>`
  const tag = Buffer.from('ID3\x04\0\0\0\0\0\0', 'latin1')
  const tricks: Record<string, Buffer> = {
    'a playlist with an address': Buffer.from(playlist(url)),
    'a playlist with a file': Buffer.from(playlist(`file://${SPEECH}`)),
    'a script with an address': Buffer.from(concat(url)),
    'a script with a file': Buffer.from(concat(SPEECH)),
    'a session description': Buffer.from('v=0\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n'),
    'a manifest': Buffer.from(`<MPD><Period><BaseURL>${url}</BaseURL></Period></MPD>`),
    'a drawing': Buffer.from(svg),
    'a playlist behind an MP3 tag': Buffer.concat([tag, Buffer.from(playlist(url))]),
    'a playlist that says it is FLAC': Buffer.from(`fLaC\n${playlist(url)}`),
    'a playlist that says it is an MP4': Buffer.from(`\0\0\0\x18ftypisom\n${playlist(url)}`),
    'a drawing that says it is an MP4': Buffer.from(`\0\0\0\x18ftypisom\0\0\0\0isomiso2${svg}`),
    'a script that says it is WebM': Buffer.from(`\x1aE\xdf\xa3webm\n${concat(url)}`, 'latin1'),
    'a playlist in a WAV of a coding that is ffmpeg’s': adpcmAround(playlist(url)),
  }

  for (const [name, bytes] of Object.entries(tricks)) {
    test(`${name}: is refused, and nothing is asked`, async () => {
      const path = join(folder, name.replaceAll(/\W/g, '-'))
      writeFileSync(path, bytes)
      await assert.rejects(decodeFile(path, options), { name: 'AppError', retry: 'never' })
      assert.deepEqual(requests, [])
    })
  }

  test('an MP4 whose samples lie at an address stays without them', async () => {
    const path = join(folder, 'reference.m4a')
    ffmpeg(['-i', SPEECH, '-t', '1', '-c:a', 'aac', path])
    writeFileSync(path, withDataElsewhere(readFileSync(path), url))
    await decodeFile(path, options).catch((error: AppError) => assert.equal(error.code, 'recording-undecodable'))
    assert.deepEqual(requests, [])
  })

  test('even the demuxer for playlists does not get out, should it ever be asked', async () => {
    const path = join(folder, 'list.m3u8')
    for (const to of [url, url.replace('http:', 'tcp:')]) {
      writeFileSync(path, playlist(to))
      await assert.rejects(decodeWithFfmpeg(tools, { path, demuxer: 'hls' }, options), AppError)
    }
    assert.deepEqual(requests, [])
  })

  test('an ffmpeg that is let out does ask: the tests above would see it', async () => {
    const path = join(folder, 'control.m3u8')
    writeFileSync(path, playlist(url))
    const command = ['-v', 'quiet', '-protocol_whitelist', 'file,http,tcp', '-allowed_extensions', 'ALL', '-f', 'hls']
    const child = spawn('ffmpeg', [...command, '-i', path, '-f', 'null', '-'], { stdio: 'ignore' })
    await once(child, 'close')
    assert.ok(requests.length > 0)
  })
})

/** A WAV head of Microsoft ADPCM, and text where the samples should be. */
function adpcmAround(text: string): Buffer {
  const format = Buffer.from('0200010044ac0000000000000001040000000000', 'hex')
  const sized = (name: string, content: Buffer) => {
    const size = Buffer.alloc(4)
    size.writeUInt32LE(content.length)
    return Buffer.concat([Buffer.from(name), size, content])
  }
  return sized('RIFF', Buffer.concat([Buffer.from('WAVE'), sized('fmt ', format), sized('data', Buffer.from(text))]))
}

/** The same MP4 with its data reference ('dref') turned into an address; its head has to be at its end. */
function withDataElsewhere(mp4: Buffer, url: string): Buffer {
  const entry = mp4.indexOf('url ', mp4.indexOf('dref')) - 4
  const address = Buffer.from(`${url}\0`)
  const result = Buffer.concat([mp4.subarray(0, entry + 12), address, mp4.subarray(entry + 12)])
  // No flag: the samples are not in this file.
  result.writeUInt32BE(0, entry + 8)
  result.writeUInt32BE(12 + address.length, entry)
  for (const box of ['moov', 'trak', 'mdia', 'minf', 'dinf', 'dref']) {
    const at = mp4.indexOf(box) - 4
    result.writeUInt32BE(mp4.readUInt32BE(at) + address.length, at)
  }
  return result
}

describe('the limits of a child', { skip: NO_FFMPEG }, () => {
  const run = (command: string, timeoutMs: number, checkpoint = () => {}) => {
    const { path, started } = standIn(command)
    const child = limitedCommand({ ...tools, ffmpeg: path }, 'ffmpeg', [], 5)
    return { started, end: runChild(child, { timeoutMs, checkpoint, onOutput: () => {} }) }
  }

  test('one that neither writes nor ends is killed when its time is over', async () => {
    const { started, end } = run('exec sleep 1000', 300)
    const pid = await started
    await assert.rejects(end, { code: 'analysis-timeout' })
    assert.equal(isRunning(pid), false)
  })

  test('one that neither writes nor ends is killed when the work is called off', async () => {
    const calledOff = new Error('called off')
    let isOff = false
    const { started, end } = run('exec sleep 1000', 60_000, () => {
      if (isOff) throw calledOff
    })
    const pid = await started
    isOff = true
    await assert.rejects(end, calledOff)
    assert.equal(isRunning(pid), false)
  })

  test('what it complains of is kept, and no more of it than a little', async () => {
    const { end } = run('i=0; while [ $i -lt 3000 ]; do echo "line $i is bad" >&2; i=$((i+1)); done; exit 3', 60_000)
    const { exitCode, complaints } = await end
    assert.equal(exitCode, 3)
    assert.ok(complaints.length > 100 && complaints.join('\n').length <= 8192)
  })

  test('it gets nothing of the environment, which holds credentials', async () => {
    process.env.TONEWIRE_TEST_SECRET = 'secret'
    const { end } = run('env >&2', 60_000)
    const { complaints } = await end
    assert.ok(!complaints.join('\n').includes('TONEWIRE'))
  })

  test('its memory has an end', {
    skip: tools?.prlimit === undefined && 'prlimit is not on this machine',
  }, async () => {
    const { end } = run('grep -E "data size|cpu time|file size" /proc/self/limits >&2', 60_000)
    const { complaints } = await end
    const soft = (name: string) => complaints.find((line) => line.startsWith(name))?.match(/\d+/)?.[0]
    assert.deepEqual([soft('Max data size'), soft('Max cpu time'), soft('Max file size')], ['268435456', '5', '0'])
  })

  test('a program that cannot be started is no fault of the recording', async () => {
    const nothing: FfmpegTools = { ffmpeg: join(folder, 'nothing'), ffprobe: join(folder, 'nothing') }
    for (const gone of [nothing, { ...tools, ...nothing }, { ...tools, ffmpeg: nothing.ffmpeg }]) {
      const decoding = decodeWithFfmpeg(gone, { path: SPEECH, demuxer: 'wav' }, options)
      await assert.rejects(decoding, { code: 'not-ready', retry: 'later' })
    }
  })
})

describe('no child outlives', { skip: NO_FFMPEG || (tools.setpriv === undefined && 'setpriv is missing') }, () => {
  const runner = new URL('./fixtures/decode-runner.ts', import.meta.url)

  test('the thread that started it, when that is ended from outside', async () => {
    const { path, started } = standIn('exec sleep 1000')
    const thread = new Worker(runner, { argv: [path, SPEECH] })
    const pid = await started
    assert.equal(isRunning(pid), true)
    await thread.terminate()
    await untilGone(pid)
  })

  test('the process that started it, when that is killed', async () => {
    const { path, started } = standIn('exec sleep 1000')
    const starter = spawn(process.execPath, [runner.pathname, path, SPEECH], { stdio: 'ignore' })
    const pid = await started
    starter.kill('SIGKILL')
    await untilGone(pid)
  })
})

let standIns = 0

/** A program in ffmpeg's place; `started` resolves to its process id, which it tells by a link, as it may write no file. */
function standIn(command: string): { path: string; started: Promise<number> } {
  const path = join(folder, `stand-in-${++standIns}`)
  writeFileSync(path, `#!/bin/sh\nln -s $$ ${path}.pid\n${command}\n`)
  chmodSync(path, 0o755)
  const started = new Promise<number>((resolve) => {
    const watcher = watch(folder, (_, file) => {
      if (file !== `stand-in-${standIns}.pid`) return
      watcher.close()
      resolve(Number(readlinkSync(`${path}.pid`)))
    })
  })
  return { path, started }
}
