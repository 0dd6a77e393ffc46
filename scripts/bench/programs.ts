/** Programs that a benchmark compares with, each used only when it is on the machine. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const MOST_OUTPUT_BYTES = 1 << 28

/** Runs a program to its end; throws with its stderr when it fails. */
export async function run(program: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return execute(program, args, { maxBuffer: MOST_OUTPUT_BYTES })
}

/** The first line that a program says of its version; undefined when it is not here. */
export async function versionOf(program: string): Promise<string | undefined> {
  const flag = program === 'ffmpeg' ? '-version' : '--version'
  const answer = await run(program, [flag]).catch(() => undefined)
  return answer?.stdout.split('\n')[0]
}
