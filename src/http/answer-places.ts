/**
 * Places for answers that are read before anybody knows whether their signature holds: some in all, and of one address
 * some, so that one that sends nonsense, slowly, keeps nobody else out.
 */
export interface AnswerPlaces {
  /** A place for so many bytes, and how to leave it again, of which a repeat does nothing; undefined when there is none. */
  enter(address: string, bytes: number): (() => void) | undefined
}

export interface AnswerPlacesRules {
  readonly most: number
  readonly mostOfAddress: number
  /** Of one address together. */
  readonly bytesOfAddress: number
}

export function createAnswerPlaces({ most, mostOfAddress, bytesOfAddress }: AnswerPlacesRules): AnswerPlaces {
  const held = new Map<string, { count: number; bytes: number }>()
  let taken = 0
  const add = (address: string, by: 1 | -1, bytes: number): void => {
    const { count, bytes: before } = held.get(address) ?? { count: 0, bytes: 0 }
    taken += by
    if (count + by === 0) held.delete(address)
    else held.set(address, { count: count + by, bytes: before + by * bytes })
  }
  return {
    enter(address, bytes) {
      const { count, bytes: before } = held.get(address) ?? { count: 0, bytes: 0 }
      if (taken >= most || count >= mostOfAddress || before + bytes > bytesOfAddress) return undefined
      add(address, 1, bytes)
      let isHere = true
      return () => {
        if (isHere) add(address, -1, bytes)
        isHere = false
      }
    },
  }
}
