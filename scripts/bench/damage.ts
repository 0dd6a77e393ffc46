/** Damage of many kinds, the same on every run. */
import { createRandom } from './random.ts'

export interface Damaged {
  readonly name: string
  readonly bytes: Buffer
}

/** One whole file to many broken ones. */
export function damage(name: string, whole: Buffer, seed: number): Damaged[] {
  const random = createRandom(seed).next
  const changed = (what: string, change: (bytes: Buffer) => void): Damaged => {
    const bytes = Buffer.from(whole)
    change(bytes)
    return { name: `${name}, ${what}`, bytes }
  }
  const flip = (count: number, from: number, to: number) => (bytes: Buffer) => {
    for (let i = 0; i < count; i++) {
      const at = Math.floor((from + (to - from) * random()) * bytes.length)
      bytes[at] = Math.floor(256 * random())
    }
  }
  const cuts = [0.005, 0.1, 0.6, 0.999]
  return [
    ...cuts.map((share) => ({
      name: `${name}, cut at ${100 * share} %`,
      bytes: whole.subarray(0, Math.ceil(share * whole.length)),
    })),
    ...[8, 60, 1000].map((count) => changed(`${count} bytes flipped`, flip(count, 0, 1))),
    changed('20 bytes of its head flipped', flip(20, 0.001, 0.05)),
    changed('20 bytes of its tail flipped', flip(20, 0.95, 1)),
    changed('zeros in the middle', (bytes) =>
      bytes.fill(0, Math.floor(0.3 * bytes.length), Math.floor(0.6 * bytes.length)),
    ),
    changed('sizes of its head as large as can be', (bytes) => bytes.fill(0xff, 16, 40)),
    changed('noise behind its head', (bytes) => {
      for (let at = 64; at < bytes.length; at++) bytes[at] = Math.floor(256 * random())
    }),
    { name: `${name}, twice`, bytes: Buffer.concat([whole, whole]) },
  ]
}
