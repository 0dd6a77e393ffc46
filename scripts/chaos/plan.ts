/** In which order the cells are run: by the seed, so that a run cut short has seen other cells on another day. */
import { createRandom, type Random } from '../bench/random.ts'

/** The same things in another order (Fisher & Yates 1938, as Durstenfeld wrote it in 1964). */
export function shuffle<T>(list: readonly T[], random: Random): T[] {
  const shuffled = [...list]
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = Math.floor(random.next() * (last + 1))
    const [a, b] = [shuffled[last] as T, shuffled[other] as T]
    shuffled[last] = b
    shuffled[other] = a
  }
  return shuffled
}

/** One of each role in turn, as long as it has any; its own in any order. Each role has its share of every beginning. */
export function interleaveRoles<T extends { readonly role: string }>(cells: readonly T[], seed: number): T[] {
  const random = createRandom(seed)
  const queues = shuffle([...Map.groupBy(cells, ({ role }) => role).values()], random).map((own) =>
    shuffle(own, random),
  )
  const longest = Math.max(0, ...queues.map((own) => own.length))
  return Array.from({ length: longest }, (_, turn) => queues.flatMap((own) => own.slice(turn, turn + 1))).flat()
}
