/** Draws that are the same on every run with the same seed. */

export interface Random {
  /** Uniform in 0–1, without 1. */
  next(): number
  /** Normal, with mean 0 and variance 1 (Box & Muller 1958). */
  normal(): number
}

/** A Weyl sequence with an output hash: the "mulberry32" of T. Ettinger (2017, public domain). */
export function createRandom(seed: number): Random {
  let state = seed | 0
  function next(): number {
    state = (state + 0x6d2b79f5) | 0
    let hash = Math.imul(state ^ (state >>> 15), 1 | state)
    hash = (hash + Math.imul(hash ^ (hash >>> 7), 61 | hash)) ^ hash
    return ((hash ^ (hash >>> 14)) >>> 0) / 2 ** 32
  }
  return { next, normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()) }
}
