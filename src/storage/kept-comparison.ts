/**
 * A comparison that remembers its answers for a few seconds, so that however many ask for the same figures (admins, a
 * scraper, the guard) the tables are read once. Errors are not kept; who asks while an answer is on its way shares it,
 * however long it takes: what is slow is not asked a second time beside itself.
 *
 * Of figures one is read at a time, and so of what a step is judged by: each of the two has a connection, waits for it as
 * long as it takes, and keeps the other waiting for nothing.
 */
import type { RouteComparison } from '../ports/cutover.ts'

export function keepAnswers(comparison: RouteComparison, keptMs = 5_000): RouteComparison {
  const [inFigures, inOutcomes] = [createLane(), createLane()]
  const answers = new Map<string, { untilMs: number; readonly answer: Promise<unknown> }>()
  function kept<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const nowMs = performance.now()
    for (const [other, { untilMs }] of answers) if (untilMs <= nowMs) answers.delete(other)
    const known = answers.get(key)
    if (known !== undefined) return known.answer as Promise<T>
    const answer = ask()
    const entry = { untilMs: Number.POSITIVE_INFINITY, answer }
    answers.set(key, entry)
    answer.then(
      () => {
        entry.untilMs = performance.now() + keptMs
      },
      () => answers.delete(key),
    )
    return answer
  }
  return {
    figures: (windowS) => kept(`figures ${windowS}`, () => inFigures(() => comparison.figures(windowS))),
    ownersBySide: (version, windowS) =>
      kept(`owners ${version} ${windowS}`, () => inFigures(() => comparison.ownersBySide(version, windowS))),
    outcomes: (version, window) =>
      kept(`outcomes ${version} ${Object.values(window)}`, () =>
        inOutcomes(() => comparison.outcomes(version, window)),
      ),
    ageS: (version) => comparison.ageS(version),
    deadLetterOwners: (windowS) =>
      kept(`letters ${Math.floor(windowS)}`, () => inOutcomes(() => comparison.deadLetterOwners(windowS))),
  }
}

/** Runs one after another, in the order in which they came; at once where none runs. */
function createLane(): <T>(run: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> | undefined
  return (run) => {
    const ran = last === undefined ? run() : last.then(run, run)
    last = ran
    const leave = (): void => {
      if (last === ran) last = undefined
    }
    ran.then(leave, leave)
    return ran
  }
}
