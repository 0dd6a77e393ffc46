/** Running the commands of a set-up step: captured, bounded, and with a sentence when one fails or is interrupted. */
import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** One line on stderr. */
export function say(sentence) {
  process.stderr.write(`set-up: ${sentence}\n`)
}

/** An error whose message says what happened and what to do about it. */
export function setupError(message) {
  return Object.assign(new Error(message), { name: 'SetupError' })
}

export function isSetupError(error) {
  return error?.name === 'SetupError'
}

/** The full path of a command on PATH; undefined when there is none. */
export function findCommand(name, path = process.env.PATH ?? '') {
  return path
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isExecutable)
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const OUTPUT_LIMIT = 100_000

/**
 * Runs a command without standard input and resolves to `{ok, output}`, stdout and stderr together; it never rejects
 * for the command's own failure. After `timeoutS` the command is ended and counts as failed.
 * A signal to this process ends the command and rejects with a sentence. With `finishFirst` the command is let finish
 * before that, because a package manager that is ended half-way leaves its database broken.
 */
export async function run(command, args, { cwd, env, timeoutS = 600, finishFirst = false, doing } = {}) {
  // In a group of its own, so that a terminal's Ctrl-C reaches this process alone.
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let output = ''
  let interrupted = false
  const collect = (chunk) => {
    output = (output + chunk).slice(-OUTPUT_LIMIT)
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const onSignal = () => {
    interrupted = true
    if (finishFirst) say(`interrupted; ${doing} is let finish first`)
    else endGroup(child)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, onSignal)
  const timer = setTimeout(() => {
    collect(`\nended after ${timeoutS} s\n`)
    endGroup(child)
  }, timeoutS * 1000)
  const ok = await new Promise((resolve) => {
    child.on('error', (error) => {
      collect(`${error.message}\n`)
      resolve(false)
    })
    child.on('close', (code) => resolve(code === 0))
  })
  clearTimeout(timer)
  for (const signal of signals) process.off(signal, onSignal)
  if (interrupted) throw setupError(`interrupted while ${doing ?? command}. Run the same command again to go on.`)
  return { ok, output }
}

function endGroup(child) {
  try {
    process.kill(-child.pid, 'SIGTERM')
  } catch {
    child.kill('SIGTERM') // already gone, or another user's (sudo)
  }
}

/** The last lines of a failed command's output, indented, for a message. */
export function tail(output, lines = 12) {
  const kept = output.trimEnd().split('\n').slice(-lines)
  return kept.map((line) => `    ${line}`).join('\n')
}
