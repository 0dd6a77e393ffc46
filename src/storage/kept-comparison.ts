/**
 * A comparison that remembers its answers for a few seconds, so that however many ask for the same figures (admins, a
 * scraper, the guard) the tables are read once. Errors are not kept; who asks while an answer is on its way shares it,
 * however long it takes: what is slow is not asked a second time beside itself.
 */
import type { RouteComparison } from '../ports/cutover.ts'

export function keepAnswers(comparison: RouteComparison, keptMs = 5_000): RouteComparison {
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
    figures: (windowS) => kept(`figures ${windowS}`, () => comparison.figures(windowS)),
    ownersBySide: (version, windowS) =>
      kept(`owners ${version} ${windowS}`, () => comparison.ownersBySide(version, windowS)),
    outcomes: (version, window) =>
      kept(`outcomes ${version} ${Object.values(window)}`, () => comparison.outcomes(version, window)),
    ageS: (version) => comparison.ageS(version),
    deadLetterOwners: (windowS) => kept(`letters ${Math.floor(windowS)}`, () => comparison.deadLetterOwners(windowS)),
  }
}
