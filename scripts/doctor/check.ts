/** One look at a part of a deployment, and what it found. */

/** `fault`: something does not work, or will lose; `warning`: it works, and should be seen to; the others are well. */
export type Level = 'ok' | 'info' | 'warning' | 'fault'

export interface Finding {
  readonly level: Level
  /** What was seen, for a person. */
  readonly seen: string
  /** What to do about it; with every warning and fault. */
  readonly mend?: string
}

export interface Check {
  /** What is looked at: a word or two. */
  readonly name: string
  /** May throw, which counts as a fault; the signal aborts when it has had its time. */
  run(signal: AbortSignal): Promise<readonly Finding[]>
  /** What to do when it throws or does not end. */
  mendOf(error: unknown): string
}

export interface Report extends Finding {
  readonly name: string
}

/** For one answer of a server: within what a check may take. */
export const ANSWER_TIMEOUT_MS = 10_000

export const ok = (seen: string): Finding => ({ level: 'ok', seen })
export const info = (seen: string): Finding => ({ level: 'info', seen })
export const warning = (seen: string, mend: string): Finding => ({ level: 'warning', seen, mend })
export const fault = (seen: string, mend: string): Finding => ({ level: 'fault', seen, mend })

/** Runs all side by side; none takes longer than `timeoutMs`, whatever it waits for. In the order of the checks. */
export async function runChecks(checks: readonly Check[], timeoutMs: number): Promise<Report[]> {
  const all = checks.map(async (check) => {
    const findings = await runBounded(check, timeoutMs)
    return findings.map((finding) => ({ name: check.name, ...finding }))
  })
  return (await Promise.all(all)).flat()
}

async function runBounded(check: Check, timeoutMs: number): Promise<readonly Finding[]> {
  const late = new AbortController()
  const timedOut = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const error = new Error(`no answer within ${timeoutMs / 1000} s`)
    late.abort(error)
    timedOut.reject(error)
  }, timeoutMs)
  try {
    return await Promise.race([check.run(late.signal), timedOut.promise])
  } catch (error) {
    return [fault(explain(error), check.mendOf(error))]
  } finally {
    clearTimeout(timer)
  }
}

/** The sentence of an error and of what caused it, on one line. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError && error.message === '') return error.errors.map(explain).join('; ')
  const { code } = error as { code?: unknown }
  const reason = (error.message || (typeof code === 'string' ? code : error.name)).replaceAll(/\s+/g, ' ').trim()
  const named = error.name === 'Error' || reason.includes(error.name) ? reason : `${error.name}: ${reason}`
  return error.cause === undefined ? named : `${named}: ${explain(error.cause)}`
}
