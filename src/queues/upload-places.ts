/** The places of one process among the concurrent uploads of owners: those it holds, and those it could not give back. */

/** Tells Redis of places of one owner. */
type SendPlaces = (owner: string, ids: readonly string[]) => Promise<unknown>

export interface Renewals {
  add(owner: string, id: string): void
  remove(owner: string, id: string): void
  close(): void
}

/** Renews the places of this process, all of an owner in one call; a process that dies stops doing so. */
export function createRenewals(everyMs: number, renew: SendPlaces): Renewals {
  const owners = new Map<string, Set<string>>()
  const timer = setInterval(() => {
    for (const [owner, ids] of owners) void renew(owner, [...ids])
  }, everyMs).unref()
  return {
    add(owner: string, id: string): void {
      owners.set(owner, (owners.get(owner) ?? new Set()).add(id))
    },
    remove(owner: string, id: string): void {
      const ids = owners.get(owner)
      ids?.delete(id)
      if (ids?.size === 0) owners.delete(owner)
    },
    close: () => clearInterval(timer),
  }
}

/**
 * Places that were given back while Redis was away, so that it still counts them. It is told of them when it is there
 * again. They are kept for as long as a place lives unrenewed: after that Redis has let go of it by itself.
 */
export interface UnsentPlaces {
  add(owner: string, id: string): void
  /** Sends what is left of them, all of an owner in one call; what fails now is left to its time. */
  flush(): void
}

export function createUnsentPlaces(leaseTtlMs: number, send: SendPlaces): UnsentPlaces {
  let places: { readonly owner: string; readonly id: string; readonly endsAtMs: number }[] = []
  return {
    add(owner, id) {
      const nowMs = performance.now()
      // In the order in which they end: an outage may be long.
      while (places[0] !== undefined && places[0].endsAtMs <= nowMs) places.shift()
      places.push({ owner, id, endsAtMs: nowMs + leaseTtlMs })
    },
    flush() {
      const byOwner = Map.groupBy(places, ({ owner }) => owner)
      places = []
      for (const [owner, ended] of byOwner) {
        void send(
          owner,
          ended.map(({ id }) => id),
        )
      }
    },
  }
}
