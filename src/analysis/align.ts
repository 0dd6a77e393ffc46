/**
 * Dynamic time warping of two F0 contours within a band (Sakoe & Chiba 1978, IEEE Trans. ASSP 26: 43–49). Voicing
 * carries the alignment, pitch weighs little and steps off the diagonal cost more: a free warp on pitch alone finds a
 * good fit for any sentence, and so hides wrong intonation (Rilliard, Allauzen & Boula de Mareüil 2011, Interspeech).
 */

/** Which frames of the learner belong to each frame of the reference; both lists rise, and every frame is in one. */
export interface Alignment {
  readonly first: Int32Array
  readonly last: Int32Array
}

/** What steps cost and how far the path may stray. docs/scoring.md tells how they were chosen. */
export const ALIGNMENT = {
  /** Of every cell: without it, a detour through cells that fit perfectly would be free. */
  cell: 2,
  voicingMismatch: 2,
  semitone: 0.1,
  mostSemitones: 6,
  diagonalWeight: 2,
  straightWeight: 1.15,
  /** Half the band's width, as a share of the longer contour. */
  band: 0.2,
} as const

const DIAGONAL = 0
const FROM_REFERENCE = 1
const FROM_LEARNER = 2

/**
 * @param reference semitones, one per frame; NaN where unvoiced; at least one frame
 * @param learner likewise; time and memory grow with the product of the lengths, times 0.4
 */
export function align(reference: Float64Array, learner: Float64Array): Alignment {
  const band = createBand(reference.length, learner.length)
  return traceBack(fill(reference, learner, band), band, reference.length, learner.length)
}

interface Band {
  readonly width: number
  /** The learner's first frame that frame i of the reference may meet. */
  readonly lowOf: (i: number) => number
}

function createBand(rows: number, columns: number): Band {
  const slope = (columns - 1) / Math.max(1, rows - 1)
  const half = Math.ceil(Math.max(ALIGNMENT.band * Math.max(rows, columns), 2 * slope, 2))
  const width = Math.min(columns, 2 * half + 1)
  return { width, lowOf: (i) => Math.max(0, Math.min(columns - width, Math.round(i * slope) - half)) }
}

/** The step by which each cell of the band is reached most cheaply. */
function fill(reference: Float64Array, learner: Float64Array, { width, lowOf }: Band): Uint8Array {
  const steps = new Uint8Array(reference.length * width)
  // Cell j is at j + 1; what lies outside of a row's window is infinitely dear.
  let before = new Float64Array(learner.length + 2).fill(Number.POSITIVE_INFINITY)
  let here = before.slice()
  for (let i = 0; i < reference.length; i++) {
    const low = lowOf(i)
    const ours = reference[i]!
    here[low] = Number.POSITIVE_INFINITY
    for (let k = 0; k < width; k++) {
      const j = low + k
      const cost = cellCost(ours, learner[j]!)
      const diagonal = i === 0 && j === 0 ? 0 : before[j]! + ALIGNMENT.diagonalWeight * cost
      const fromReference = before[j + 1]! + ALIGNMENT.straightWeight * cost
      const fromLearner = here[j]! + ALIGNMENT.straightWeight * cost
      const straight = fromReference < fromLearner ? FROM_REFERENCE : FROM_LEARNER
      const best = straight === FROM_REFERENCE ? fromReference : fromLearner
      steps[i * width + k] = diagonal <= best ? DIAGONAL : straight
      here[j + 1] = diagonal <= best ? diagonal : best
    }
    const used = before
    before = here
    here = used
  }
  return steps
}

function cellCost(ours: number, theirs: number): number {
  const oursVoiced = !Number.isNaN(ours)
  if (oursVoiced !== !Number.isNaN(theirs)) return ALIGNMENT.cell + ALIGNMENT.voicingMismatch
  if (!oursVoiced) return ALIGNMENT.cell
  const distance = Math.abs(ours - theirs)
  return ALIGNMENT.cell + ALIGNMENT.semitone * (distance < ALIGNMENT.mostSemitones ? distance : ALIGNMENT.mostSemitones)
}

function traceBack(steps: Uint8Array, { width, lowOf }: Band, rows: number, columns: number): Alignment {
  const first = new Int32Array(rows)
  const last = new Int32Array(rows)
  let i = rows - 1
  let j = columns - 1
  last[i] = j
  while (i > 0 || j > 0) {
    const step = steps[i * width + j - lowOf(i)]
    first[i] = j
    if (step !== FROM_REFERENCE) j--
    if (step === FROM_LEARNER) continue
    i--
    last[i] = j
  }
  first[0] = 0
  return { first, last }
}
