/** Broken invariants, to show that the drill sees them. They wrap ports; the product knows nothing of it. */
import type { Ports, StatusChange } from '../../src/ports.ts'

type Sabotage = (ports: Ports) => Ports

export const SABOTAGES: Readonly<Record<string, Sabotage>> = {
  'skip-republish': skipRepublish,
  'record-before-effect': recordBeforeEffect,
  'delivered-before-sent': deliveredBeforeSent,
}

/** Against invariant 6: who did not move the row itself publishes nothing. */
function skipRepublish(ports: Ports): Ports {
  const moved = new Set<string>()
  const nameOf = ({ jobId, attempt, status }: { jobId: string; attempt: number; status: string }): string =>
    `${jobId} ${attempt} ${status}`
  const advance = async (changes: readonly StatusChange[]) => {
    const answers = await ports.jobs.advance(changes)
    for (const answer of answers) if (answer.moved && answer.job) moved.add(nameOf(answer.job))
    return answers
  }
  const publish: Ports['progress']['publish'] = (entries) =>
    ports.progress.publish(entries.filter(({ event, seed }) => seed !== undefined || moved.has(nameOf(event))))
  return replaced(ports, { jobs: { ...ports.jobs, advance }, progress: { ...ports.progress, publish } })
}

/**
 * Against invariant 2: what has an effect elsewhere is answered as done, and done after the next write to the database:
 * the object of an upload, and the callback to a client.
 */
function recordBeforeEffect(ports: Ports): Ports {
  const late: (() => Promise<unknown>)[] = []
  const thenLate = async <T>(written: Promise<T>): Promise<T> => {
    const answer = await written
    // In another turn: who is killed right after the write has done nothing else.
    setTimeout(() => void Promise.all(late.splice(0).map((effect) => effect())), 20)
    return answer
  }
  const objects: Ports['objects'] = {
    ...ports.objects,
    async put(key, body, options) {
      const chunks: Buffer[] = []
      for await (const chunk of body) chunks.push(chunk)
      late.push(() => ports.objects.putBytes(key, Buffer.concat(chunks), options.contentType))
    },
  }
  const callbackSender: Ports['callbackSender'] = {
    async send(...args) {
      late.push(() => ports.callbackSender.send(...args))
      return { kind: 'answered', status: 204, retryAfterS: null }
    },
  }
  return replaced(ports, {
    objects,
    callbackSender,
    jobs: { ...ports.jobs, advance: (changes) => thenLate(ports.jobs.advance(changes)) },
    deliveries: { ...ports.deliveries, record: (...args) => thenLate(ports.deliveries.record(...args)) },
  })
}

/** Against invariant 2, for callbacks alone: a delivery is marked as delivered when it is taken, and sent afterwards. */
function deliveredBeforeSent(ports: Ports): Ports {
  const { deliveries } = ports
  const claim: Ports['deliveries']['claim'] = async (rules) => {
    const claimed = await deliveries.claim(rules)
    await Promise.all(claimed.map((each) => deliveries.record(each, { kind: 'delivered', lastStatus: 204 })))
    return claimed
  }
  return replaced(ports, { deliveries: { ...deliveries, claim, record: async () => 'delivered' } })
}

function replaced(ports: Ports, others: Partial<Ports>): Ports {
  return new Proxy(ports, {
    get: (target, name) => Reflect.get(Object.hasOwn(others, name) ? others : target, name) as unknown,
  })
}
