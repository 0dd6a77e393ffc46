/** What the drill's clients send: real recordings of this repository, and tones made for the occasion. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { WAV_HEAD_BYTES, wavHead } from '../stack/wav-head.ts'

const EXAMPLES = new URL('../../examples/recordings/', import.meta.url)
const RATE_HZ = 8000

/** A sentence as it was spoken, some seconds long. */
export const SPOKEN = readFileSync(new URL('number-it.wav', EXAMPLES))
/** Begins like a recording, and no decoder can read on. */
export const BROKEN = Buffer.concat([SPOKEN.subarray(0, 36), Buffer.from('junk')])

/** A glide of 16-bit samples, voiced from end to end. `pitchHz` makes it another recording. */
export function toneWav(seconds: number, pitchHz: number): Buffer {
  const samples = Math.round(seconds * RATE_HZ)
  const wav = Buffer.concat([wavHead(2 * samples, RATE_HZ), Buffer.alloc(2 * samples)])
  for (let i = 0; i < samples; i++) {
    const phase = (2 * Math.PI * pitchHz * (1 + (0.1 * i) / samples) * i) / RATE_HZ
    wav.writeInt16LE(Math.round(12_000 * Math.sin(phase) + 4000 * Math.sin(2 * phase)), WAV_HEAD_BYTES + 2 * i)
  }
  return wav
}

/** Undefined when the machine has no ffmpeg. */
export async function mp3Of(wav: Buffer): Promise<Buffer | undefined> {
  const child = spawn('ffmpeg', ['-v', 'error', '-f', 'wav', '-i', 'pipe:0', '-f', 'mp3', 'pipe:1'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const started = await new Promise<boolean>((resolve) => {
    child.once('spawn', () => resolve(true)).once('error', () => resolve(false))
  })
  if (!started) return undefined
  child.stdin.end(wav)
  return buffer(child.stdout)
}
