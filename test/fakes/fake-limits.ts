import type { Bucket, Entered, LimitRules, Limits, Taken } from '../../src/ports/limits.ts'

const NO_LIMITS: LimitRules = { requests: { perS: 0, burstS: 1 }, bytes: { perS: 0, burstS: 1 }, maxUploads: 0 }

/** Limits in memory, by the rules of the Redis script; none by default. `now` is the clock, in Unix milliseconds. */
export function createFakeLimits(
  rules: LimitRules = NO_LIMITS,
  { now = Date.now }: { now?: () => number } = {},
): Limits {
  const buckets = new Map<string, { level: number; at: number }>()
  const places = new Map<string, number>()

  const sizeOf = ({ perS, burstS }: Bucket): number => perS * burstS
  function levelOf(owner: string, name: 'requests' | 'bytes'): number {
    const kept = buckets.get(`${name} ${owner}`)
    const size = sizeOf(rules[name])
    return kept === undefined ? size : Math.min(size, kept.level + ((now() - kept.at) / 1000) * rules[name].perS)
  }
  function charge(owner: string, name: 'requests' | 'bytes', cost: number): void {
    const level = Math.min(sizeOf(rules[name]), levelOf(owner, name) - cost)
    if (rules[name].perS > 0) buckets.set(`${name} ${owner}`, { level, at: now() })
  }
  const missing = (owner: string, name: 'requests' | 'bytes', need: number): number =>
    rules[name].perS === 0 ? 0 : Math.max(0, need - levelOf(owner, name))
  const waitS = (name: 'requests' | 'bytes', units: number) => Math.max(1, Math.ceil(units / rules[name].perS))

  function tell(owner: string, name: 'requests' | 'bytes', lacking: number): Taken {
    const { perS, burstS } = rules[name]
    const [limit, level] = [sizeOf(rules[name]), levelOf(owner, name)]
    return {
      allowed: lacking === 0,
      limit: Math.floor(limit),
      windowS: perS === 0 ? 0 : burstS,
      remaining: Math.max(0, Math.floor(level)),
      resetS: perS === 0 ? 0 : Math.ceil((limit - level) / perS),
      retryAfterS: lacking === 0 ? 0 : waitS(name, lacking),
    }
  }

  return {
    async take(owner, { requests, bytes }) {
      const lacking = missing(owner, 'requests', requests ?? 0)
      if (lacking > 0) return tell(owner, 'requests', lacking)
      const owed = bytes === undefined ? 0 : missing(owner, 'bytes', 1)
      if (owed > 0) return tell(owner, 'bytes', owed)
      charge(owner, 'requests', requests ?? 0)
      charge(owner, 'bytes', bytes ?? 0)
      return tell(owner, requests === undefined || rules.requests.perS === 0 ? 'bytes' : 'requests', 0)
    },
    async enter(owner, { requests, bytes }): Promise<Entered> {
      const lacking = missing(owner, 'requests', requests)
      const refusal = { taken: tell(owner, 'requests', lacking) }
      if (lacking > 0) return { ...refusal, refusedBy: 'requests', retryAfterS: waitS('requests', lacking) }
      const owed = missing(owner, 'bytes', 1)
      if (owed > 0) return { ...refusal, refusedBy: 'bytes', retryAfterS: waitS('bytes', owed) }
      const held = places.get(owner) ?? 0
      if (rules.maxUploads > 0 && held >= rules.maxUploads) return { ...refusal, refusedBy: 'uploads', retryAfterS: 2 }
      places.set(owner, held + 1)
      charge(owner, 'requests', requests)
      charge(owner, 'bytes', bytes)
      let left = false
      const leave = async (moreBytes = 0): Promise<void> => {
        if (left) return
        left = true
        places.set(owner, (places.get(owner) ?? 1) - 1)
        charge(owner, 'bytes', moreBytes)
      }
      return { lease: { leave }, taken: tell(owner, 'requests', 0) }
    },
    async forget(owner) {
      for (const name of ['requests', 'bytes']) buckets.delete(`${name} ${owner}`)
      places.delete(owner)
    },
  }
}
