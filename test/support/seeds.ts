import { randomInt } from 'node:crypto'

/** `TEST_SEED=…` plays a failed run again; else each run plays another. */
const given = process.env.TEST_SEED

/** As many as fit into `npm test`; ten times as many with `TEST_THOROUGH=1`. */
export function roundsOf(rounds: number): number {
  return process.env.TEST_THOROUGH === '1' ? 10 * rounds : rounds
}

/** Runs what is random, and names the seed when it fails. */
export async function withSeed(run: (seed: number) => Promise<void>): Promise<void> {
  const seed = given === undefined ? randomInt(2 ** 31) : Number(given)
  try {
    await run(seed)
  } catch (error) {
    throw new Error(`failed with TEST_SEED=${seed}: ${error}`, { cause: error })
  }
}
