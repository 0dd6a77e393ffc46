/**
 * `npm run analyse -- <file …>`: the analysis engine alone on local files, one after the other in this process.
 * Results go to stdout or into a folder, what people read to stderr. Exit 0, 1 when a file failed, 2 for a wrong call.
 */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { analyse, HIGHEST_RATE_HZ } from '../src/analysis/analyse.ts'
import { compare } from '../src/analysis/compare.ts'
import type { CreateRealFft } from '../src/analysis/fft.ts'
import { formatResult } from '../src/analysis/format-result.ts'
import { parseReference, type Reference } from '../src/analysis/reference.ts'
import { MAX_REFERENCE_BYTES } from '../src/analysis/reference-text.ts'
import { AppError, toAppError } from '../src/domain/errors.ts'
import { toResult } from '../src/domain/result.ts'
import { decodeFile } from '../src/media/decode.ts'
import { loadFft } from '../src/media/fft.ts'
import { type Call, outputName, parseCall, USAGE, WrongCall } from './analyse/call.ts'

/** As the service's own default. */
const MAX_DURATION_S = 3600

/** A file that was given as reference and cannot be used. */
class UnusableReference extends Error {}

/** Analyses one file after the other; answers how many failed. */
async function analyseAll(call: Call): Promise<number> {
  const { files, format, outDir } = call
  const createFft = await loadFft()
  const reference = await readReference(call, createFft)
  const mode = call.mode ?? reference?.mode ?? 'robust'
  if (outDir !== undefined) await makeFolder(outDir)
  let failed = 0
  for (const file of files) {
    try {
      const analysis = await analyseRecording(file, mode, createFft)
      const comparison = reference === null ? undefined : compare(analysis, reference)
      const json = JSON.stringify(toResult({ jobId: null, tokenId: null, comparison }, analysis))
      const text = format === 'json' ? `${json}\n` : formatResult(json, format)
      if (outDir === undefined) process.stdout.write(text)
      else await writeFile(join(outDir, outputName(file, format)), text)
    } catch (error) {
      failed++
      console.error(`${file}: ${reasonOf(error)}`)
    }
  }
  return failed
}

async function analyseRecording(path: string, mode: 'robust' | 'praat', createFft: CreateRealFft) {
  await statFile(path)
  const options = { maxDurationS: MAX_DURATION_S, highestRateHz: HIGHEST_RATE_HZ[mode], createFft }
  return analyse(await decodeFile(path, options), { createFft, pitch: { mode } })
}

/** Null when none was given; throws `UnusableReference`, because without it every result would lack what was asked for. */
async function readReference(call: Call, createFft: CreateRealFft): Promise<Reference | null> {
  const { referenceAudio, textGrid, pitch, mode = 'robust' } = call
  if (referenceAudio === undefined && pitch === undefined) return null
  const fromFile = async <T>(path: string | undefined, read: (path: string) => Promise<T>): Promise<T | null> => {
    if (path === undefined) return null
    return read(path).catch((error: unknown) => {
      throw new UnusableReference(`${path}: ${reasonOf(error)}`)
    })
  }
  const audio = await fromFile(referenceAudio, (path) => analyseRecording(path, mode, createFft))
  const labels = await fromFile(textGrid, async (path) => parseReference({ textGrid: await readCapped(path) }))
  const melody = await fromFile(pitch, async (path) => parseReference({ pitch: await readCapped(path) }))
  const tracked = audio === null ? null : { pitch: audio.pitch, mode }
  return { pitch: null, mode, ...tracked, ...melody, textGrid: labels?.textGrid ?? null }
}

/** Pipes and devices are never opened: they would be waited for, and cannot be read twice. */
async function statFile(path: string) {
  const found = await stat(path)
  if (found.isFile()) return found
  const what = found.isDirectory() ? 'a folder' : 'a pipe or a device, not a file'
  throw new AppError('recording-undecodable', `This is ${what}.`)
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const isOther = code === 'EEXIST' || code === 'ENOTDIR'
    throw new WrongCall(isOther ? `--out: ${path} is not a folder.` : `--out: ${path}: ${reasonOf(error)}`)
  }
}

async function readCapped(path: string): Promise<Uint8Array> {
  const { size } = await statFile(path)
  if (size <= MAX_REFERENCE_BYTES) return readFile(path)
  throw new AppError('reference-invalid', `The file has ${size} bytes, more than ${MAX_REFERENCE_BYTES}.`)
}

const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'There is no such file.',
  ENOTDIR: 'A part of the path is not a folder.',
  EISDIR: 'This is a folder.',
  EACCES: 'The file may not be read or written.',
  EPERM: 'The file may not be read or written.',
  EROFS: 'Nothing can be written there.',
  ENOSPC: 'There is no room left to write.',
  ENAMETOOLONG: 'The name is too long.',
  ELOOP: 'The link leads nowhere.',
}

function reasonOf(error: unknown): string {
  const { code, message, syscall } = error as NodeJS.ErrnoException
  const known = FILE_ERRORS[code ?? '']
  if (known !== undefined) return known
  if (syscall !== undefined) return `The file cannot be read or written (${code}).`
  const appError = toAppError(error, 'analysis-failed', message)
  return appError.detail
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const call = parseCall(args)
    if (call !== 'help') return (await analyseAll(call)) === 0 ? 0 : 1
    console.log(`Usage: ${USAGE}`)
    return 0
  } catch (error) {
    if (error instanceof UnusableReference) console.error(error.message)
    else if (error instanceof WrongCall) console.error(`${error.message}\nUsage: ${USAGE}`)
    else throw error
    return error instanceof WrongCall ? 2 : 1
  }
}

/** Whoever reads may stop early, as `head` does: nobody is left to tell anything. */
function endWithReader(error: NodeJS.ErrnoException): never {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
}

if (import.meta.main) process.stdout.on('error', endWithReader)
if (import.meta.main) process.exitCode = await main(process.argv.slice(2))
