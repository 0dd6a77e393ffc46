/** The reference's time mapped onto the learner's, by the moments that an alignment gives. */
import type { AlignedTimes } from '../domain/comparison.ts'

/** Straight lines between the moments; outside of them time runs as in the reference. Never decreasing. */
export function mapTime(moments: readonly AlignedTimes[], referenceS: number): number {
  const first = moments[0]
  const last = moments.at(-1)
  if (first === undefined || last === undefined) return referenceS
  if (referenceS <= first[0]) return first[1] + referenceS - first[0]
  if (referenceS >= last[0]) return last[1] + referenceS - last[0]
  let low = 0
  let high = moments.length - 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (moments[middle]![0] <= referenceS) low = middle
    else high = middle
  }
  const [[fromS, fromLearnerS], [toS, toLearnerS]] = [moments[low]!, moments[high]!]
  const share = toS > fromS ? (referenceS - fromS) / (toS - fromS) : 1
  return fromLearnerS + (toLearnerS - fromLearnerS) * share
}

/**
 * As few of the moments as say the same to within a tolerance (Ramer 1972; Douglas & Peucker 1973, measured along the
 * learner's time); the first and the last stay.
 */
export function simplify(moments: readonly AlignedTimes[], toleranceS: number): AlignedTimes[] {
  if (moments.length <= 2) return [...moments]
  const kept = new Set([0, moments.length - 1])
  const open: [number, number][] = [[0, moments.length - 1]]
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    const [from, to] = part
    const furthest = furthestFromLine(moments, from, to, toleranceS)
    if (furthest === undefined) continue
    kept.add(furthest)
    open.push([from, furthest], [furthest, to])
  }
  return moments.filter((_, i) => kept.has(i))
}

function furthestFromLine(
  moments: readonly AlignedTimes[],
  from: number,
  to: number,
  toleranceS: number,
): number | undefined {
  const ends = [moments[from]!, moments[to]!]
  let furthest: number | undefined
  let most = toleranceS
  for (let i = from + 1; i < to; i++) {
    const off = Math.abs(mapTime(ends, moments[i]![0]) - moments[i]![1])
    if (off <= most) continue
    most = off
    furthest = i
  }
  return furthest
}
