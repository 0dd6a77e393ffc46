/**
 * Normalised pairwise variability index of successive durations (Grabe & Low 2002, "Durational variability in speech
 * and the rhythm class hypothesis", Laboratory Phonology 7: 515–546): 0 when all are alike, larger the more neighbours
 * differ.
 *
 * @param durationsS positive, in order
 * @returns null for fewer than two durations
 */
export function npvi(durationsS: readonly number[]): number | null {
  if (durationsS.length < 2) return null
  let sum = 0
  for (let i = 1; i < durationsS.length; i++) {
    const [before, here] = [durationsS[i - 1]!, durationsS[i]!]
    sum += Math.abs(here - before) / ((here + before) / 2)
  }
  return (100 * sum) / (durationsS.length - 1)
}
