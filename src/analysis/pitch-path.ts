/**
 * The best way through the candidates of all frames (Boersma 1993, section on path finding): each frame takes one
 * candidate, strong ones are worth more, and jumps between neighbours cost.
 */

export interface PathCosts {
  readonly voicingThreshold: number
  readonly octaveCost: number
  /** Per octave between neighbouring frames. */
  readonly octaveJumpCost: number
  readonly voicedUnvoicedCost: number
  readonly ceilingHz: number
}

/** Candidates of all frames, packed one after the other. The unvoiced candidate of a frame is its first. */
export interface CandidateList {
  /** Starts the next frame with its unvoiced candidate. */
  beginFrame(unvoicedStrength: number): void
  /** @param strength normalised autocorrelation at the candidate's lag, 0–1 */
  addVoiced(frequencyHz: number, strength: number): void
  /** F0 of every frame on the best path; 0 where unvoiced. */
  bestPath(): Float64Array
}

export function createCandidateList(frameCount: number, costs: PathCosts): CandidateList {
  const firstOf = new Uint32Array(frameCount + 1)
  let frames = 0
  let size = 0
  // Frequencies as log2(Hz): what the costs are counted in. The unvoiced candidate is −∞.
  let octaves = new Float64Array(8 * frameCount + 16)
  let scores = new Float64Array(octaves.length)
  const ceiling = Math.log2(costs.ceilingHz)

  function add(octave: number, score: number): void {
    if (size === octaves.length) {
      octaves = grown(octaves)
      scores = grown(scores)
    }
    octaves[size] = octave
    scores[size] = score
    size++
    firstOf[frames] = size
  }
  return {
    beginFrame(unvoicedStrength) {
      frames++
      add(Number.NEGATIVE_INFINITY, unvoicedStrength)
    },
    addVoiced(frequencyHz, strength) {
      const octave = Math.log2(frequencyHz)
      add(octave, strength - costs.octaveCost * (ceiling - octave))
    },
    bestPath() {
      const f0Hz = new Float64Array(frames)
      const chosen = followBack(firstOf, frames, accumulate(firstOf, frames, octaves, scores, costs), scores)
      for (let frame = 0; frame < frames; frame++) f0Hz[frame] = 2 ** octaves[chosen[frame]!]!
      return f0Hz
    },
  }
}

/** Turns scores into those of the best path up to each candidate, and answers each one's best predecessor. */
function accumulate(
  firstOf: Uint32Array,
  frames: number,
  octaves: Float64Array,
  scores: Float64Array,
  costs: PathCosts,
): Uint32Array {
  const previous = new Uint32Array(firstOf[frames]!)
  for (let frame = 1; frame < frames; frame++) {
    const begin = firstOf[frame]!
    const end = firstOf[frame + 1]!
    for (let here = begin; here < end; here++) {
      let best = Number.NEGATIVE_INFINITY
      let bestPrevious = begin
      for (let there = firstOf[frame - 1]!; there < begin; there++) {
        const value = scores[there]! - transitionCost(octaves[there]!, octaves[here]!, costs)
        if (value > best) {
          best = value
          bestPrevious = there
        }
      }
      scores[here] = scores[here]! + best
      previous[here] = bestPrevious
    }
  }
  return previous
}

function transitionCost(from: number, to: number, costs: PathCosts): number {
  const fromVoiced = from > 0
  const toVoiced = to > 0
  if (fromVoiced !== toVoiced) return costs.voicedUnvoicedCost
  return fromVoiced ? costs.octaveJumpCost * Math.abs(from - to) : 0
}

function followBack(firstOf: Uint32Array, frames: number, previous: Uint32Array, scores: Float64Array): Uint32Array {
  const chosen = new Uint32Array(frames)
  if (frames === 0) return chosen
  let candidate = firstOf[frames - 1]!
  for (let other = candidate + 1; other < firstOf[frames]!; other++) {
    if (scores[other]! > scores[candidate]!) candidate = other
  }
  for (let frame = frames - 1; frame >= 0; frame--) {
    chosen[frame] = candidate
    candidate = previous[candidate]!
  }
  return chosen
}

function grown(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * array.length)
  larger.set(array)
  return larger
}
