/**
 * Where ffmpeg is, and what a child process of it is held down with. Two small programs of util-linux, where the
 * machine has them, run before it in the same process (each replaces itself by the next, no shell in between):
 *
 * - `prlimit` sets hard limits of the kernel: memory of its own, processor time, no files written, no core dump
 * - `setpriv` asks the kernel to kill it with the thread that started it, however that ends, and takes away every way
 *   to gain privileges
 *
 * Without them (macOS, some small images) ffmpeg's own `-max_alloc` and `-timelimit` stand in: they bound one block of
 * memory, not the sum, and a child whose starter was killed ends when it next writes or by its time limit.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

export interface FfmpegTools {
  /** Absolute paths. */
  readonly ffmpeg: string
  readonly ffprobe: string
  readonly prlimit?: string
  readonly setpriv?: string
}

export interface ChildCommand {
  readonly file: string
  readonly args: readonly string[]
}

/** Memory of its own that a child may have; it needs 40 MiB, and threads of newer releases 8 MiB each besides. */
const MOST_DATA_BYTES = 256 * 2 ** 20
const MOST_OPEN_FILES = 64

const found = new Map<string, FfmpegTools>()

/** Looks on PATH; undefined when ffmpeg or its ffprobe is not there. What was found is kept while it is there. */
export function findFfmpeg(path: string = process.env.PATH ?? ''): FfmpegTools | undefined {
  const known = found.get(path)
  if (known !== undefined && isExecutable(known.ffmpeg) && isExecutable(known.ffprobe)) return known
  const tools = search(path)
  if (tools !== undefined) found.set(path, tools)
  return tools
}

/** Throws where `findFfmpeg` finds nothing. */
export async function findFfmpegOrThrow(): Promise<FfmpegTools> {
  const tools = findFfmpeg()
  if (tools === undefined) throw new Error('ffmpeg or ffprobe is not on PATH')
  return tools
}

function search(path: string): FfmpegTools | undefined {
  const ffmpeg = findOn(path, 'ffmpeg')
  const ffprobe = findOn(path, 'ffprobe')
  if (ffmpeg === undefined || ffprobe === undefined) return undefined
  const prlimit = findOn(path, 'prlimit')
  const setpriv = findOn(path, 'setpriv')
  return {
    ffmpeg,
    ffprobe,
    // Others of the same name know fewer options, and a container may forbid what they do: tried once.
    ...(prlimit !== undefined && works(prlimit, [...limits(10), prlimit]) && { prlimit }),
    ...(setpriv !== undefined && works(setpriv, [...PRIVILEGES, setpriv]) && { setpriv }),
  }
}

/** The command that runs ffmpeg or ffprobe within all limits that the machine can set. */
export function limitedCommand(
  tools: FfmpegTools,
  program: 'ffmpeg' | 'ffprobe',
  args: readonly string[],
  maxCpuS: number,
): ChildCommand {
  const { prlimit, setpriv } = tools
  const guards = [
    ...(setpriv === undefined ? [] : [setpriv, ...PRIVILEGES]),
    ...(prlimit === undefined ? [] : [prlimit, ...limits(maxCpuS)]),
  ]
  const own = program === 'ffmpeg' && prlimit === undefined ? ['-timelimit', String(Math.ceil(maxCpuS))] : []
  const [file, ...rest] = [...guards, tools[program], ...own, ...args]
  return { file: file!, args: rest }
}

const PRIVILEGES = ['--no-new-privs', '--pdeathsig', 'KILL', '--']

function limits(maxCpuS: number): string[] {
  return [
    `--data=${MOST_DATA_BYTES}`,
    `--cpu=${Math.ceil(maxCpuS)}`,
    `--nofile=${MOST_OPEN_FILES}`,
    '--fsize=0',
    '--core=0',
    '--',
  ]
}

function works(file: string, args: readonly string[]): boolean {
  return spawnSync(file, [...args, '--version'], { stdio: 'ignore', timeout: 5000, env: {} }).status === 0
}

function findOn(path: string, name: string): string | undefined {
  const folders = path.split(delimiter).filter(isAbsolute)
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
