/** The kill-anywhere cells: each call of each role, just before it and just after it. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Role } from '../../src/roles.ts'
import { createRandom, type Random } from '../bench/random.ts'
import { directKindsOf, kindsOf, needsLosses, ON_DIRECT_ROUTE } from './kinds-of.ts'
import { faultsOfLetters, takeLetters } from './letters.ts'
import { ALL_KINDS, type Kind, type Load, sendLoad } from './load.ts'
import type { CallCount, Kill } from './role.ts'
import { endLeases, sweepNow, whenSettled } from './settle.ts'
import { verify } from './verify.ts'
import { DIRECT_UPLOAD_TIMEOUT_S, type World } from './world.ts'

export interface KillCell {
  readonly name: string
  readonly role: Role
  readonly kill: Kill
  /** Only while it starts does the role make this call. */
  readonly atStart: boolean
}

export interface Outcome {
  readonly faults: readonly string[]
  readonly jobs: number
  /** False: the machine lacks what it needs, or the call never came. Default true. */
  readonly reached?: boolean
}

/** Generous on a busy machine: longer than a heartbeat of the streams, which is what brings a lost end back. */
const CELL_MS = 60_000
const LATEST_CALL = 3
const TRIES = 2
const LOST_ORDERS = 2
const LOSING_MS = 10_000

/** Runs once without a kill, and adds a cell for each call that a role makes: a new one is a new cell by itself. */
export async function discover(world: World, seed: number, cells: KillCell[]): Promise<Outcome> {
  const atStart = new Map<Role, Readonly<Record<string, CallCount>>>()
  for (const role of world.roles) atStart.set(role, await world.crew.calls(role))
  const outcome = await runWithLosses(world, { kinds: ALL_KINDS, directKinds: ON_DIRECT_ROUTE })
  const random = createRandom(seed)
  for (const role of world.roles) {
    const seen = await world.crew.calls(role)
    const calls = Object.keys({ ...atStart.get(role), ...seen }).sort()
    for (const call of calls) cells.push(...cellsOf(role, call, seen[call], random))
  }
  return outcome
}

const NEVER: CallCount = { made: 0, found: 0 }

function cellsOf(role: Role, call: string, { made, found }: CallCount = NEVER, random: Random): KillCell[] {
  return (['before', 'after'] as const).map((when) => {
    const finding = when === 'after' && found > 0
    const latest = Math.min(LATEST_CALL, Math.max(1, Math.floor((finding ? found : made) / 2)))
    const nth = 1 + Math.floor(random.next() * latest)
    return { name: `${role}/${call}/${when}`, role, kill: { call, when, nth, finding }, atStart: made === 0 }
  })
}

/** Either before or after each call, by the seed. */
export function halfOf(cells: readonly KillCell[], seed: number): KillCell[] {
  const random = createRandom(seed)
  return cells
    .filter((_, index) => index % 2 === 0)
    .map((before, index) => {
      const after = cells[2 * index + 1] ?? before
      return random.next() < 0.5 ? before : after
    })
}

/** Kills, lets another process take over, and looks what came of the jobs. */
export async function runKill(world: World, cell: KillCell): Promise<Outcome> {
  const { role } = cell
  const faults: string[] = []
  let jobs = 0
  let reached = false
  for (let tries = 0; tries < TRIES && !reached && faults.length === 0; tries++) {
    const kills = world.crew.kills(role)
    const ready = (): Promise<void> => prepare(world, cell, tries)
    const sent = { kinds: kindsOf(role, cell.kill.call, tries > 0), directKinds: directKindsOf(role) }
    const outcome = await (needsLosses(role, cell.kill.call, tries > 0)
      ? runWithLosses(world, sent, ready)
      : ready().then(() => runUnder(world, sent)))
    reached = world.crew.kills(role) > kills
    if (!reached) world.crew.arm(role, undefined)
    faults.push(...outcome.faults)
    jobs += outcome.jobs
  }
  return { faults, jobs, reached }
}

async function prepare({ crew }: World, { role, kill, atStart }: KillCell, tries: number): Promise<void> {
  // A call that did not come so often may come once.
  const due = tries === 0 ? kill : { ...kill, nth: 1 }
  await crew.whenRunning(role)
  if (!atStart) return crew.arm(role, due)
  await crew.stop(role)
  void crew.start(role, { kill: due })
}

/**
 * Sends jobs and loses orders for some of them, which only the reconciler can notice. The analyser stays away meanwhile:
 * it would be quicker, and with nothing lost nobody asks how much the queues hold.
 */
async function runWithLosses(world: World, sent: Sent, ready: () => Promise<void> = async () => {}): Promise<Outcome> {
  await world.crew.stop('analyse')
  await ready()
  return runUnder(world, sent, async () => {
    await loseOrders(world, LOST_ORDERS, AbortSignal.timeout(LOSING_MS))
    await world.crew.start('analyse')
    return NOTHING
  })
}

/** Takes orders out of the queue, as many as it can get, and answers how many these were. */
export async function loseOrders({ ports }: World, count: number, signal: AbortSignal): Promise<number> {
  const enough = new AbortController()
  let lost = 0
  const lose = async (): Promise<void> => {
    lost += 1
    if (lost >= count) enough.abort()
  }
  await ports.analysisQueue.consume(lose, { concurrency: 1, signal: AbortSignal.any([signal, enough.signal]) })
  return lost
}

export interface Under {
  readonly owner: string
  /** Whose jobs take the direct route. */
  readonly directOwner: string
  readonly key: string
  /** Sends more jobs. */
  more(kinds: readonly Kind[]): Promise<void>
}

/** What a fault has to say when it is over. */
export interface Verdict {
  readonly faults?: readonly string[]
  /** By when all must have settled. */
  readonly within?: { readonly sinceMs: number; readonly ms: number }
}

export const NOTHING: Verdict = {}

interface Sent {
  readonly kinds: readonly Kind[]
  /** Of another owner's, whose jobs take the direct route. */
  readonly directKinds?: readonly Kind[]
}

/** Sends jobs of new owners', lets the fault happen meanwhile, and looks when everything has settled. */
export async function runUnder(
  world: World,
  { kinds, directKinds = [], boundMs = CELL_MS }: Sent & { readonly boundMs?: number },
  fault: (under: Under) => Promise<Verdict> = async () => NOTHING,
): Promise<Outcome> {
  const { owner, key } = await world.newOwner('queue')
  const direct = await world.newOwner('direct')
  const deadline = AbortSignal.timeout(boundMs)
  const { url, adminKey, ports: queues } = world
  const { receiver } = world
  const timing = { directUploadTimeoutS: DIRECT_UPLOAD_TIMEOUT_S, deadline }
  const options = { url, adminKey, queues, callbackUrl: receiver.url, ...timing }
  const sendingDirect = sendLoad({ ...options, key: direct.key, kinds: directKinds })
  const loads: Load[] = []
  const more = async (others: readonly Kind[]): Promise<void> => {
    loads.push(await sendLoad({ ...options, key, kinds: others }))
  }
  const sending = more(kinds)
  const { faults = [], within } = await fault({ owner, key, directOwner: direct.owner, more })
  await sending
  const load: Load = {
    jobs: loads.flatMap(({ jobs }) => jobs),
    letters: loads.flatMap(({ letters }) => letters),
    faults: loads.flatMap((each) => each.faults),
  }
  const directLoad = await sendingDirect
  const both = new Map([
    [owner, load],
    [direct.owner, directLoad],
  ])
  const found = await judge(world, both, deadline)
  const late = within !== undefined && performance.now() - within.sinceMs > within.ms
  return {
    jobs: load.jobs.length + directLoad.jobs.length,
    faults: [...faults, ...found, ...(late ? [`it took longer than ${within.ms / 1000} s`] : [])],
  }
}

/** Waits until all has settled, sweeps, and looks. */
async function judge(world: World, loads: ReadonlyMap<string, Load>, deadline: AbortSignal): Promise<string[]> {
  const expected = [...loads.values()].flatMap(({ letters }) => letters)
  const faults = [...loads.values()].flatMap((load) => load.faults)
  const over = new AbortController()
  const leases = everySecond(() => endLeases(world), over.signal)
  const left = await whenSettled(world, [...loads.keys()], deadline)
  over.abort()
  await leases
  if (left.length > 0) {
    // What is in the way may be among them, and the next cell shall not be told of it.
    const letters = faultsOfLetters(expected, await takeLetters(world.database))
    return [...faults, ...left.map((what) => `not settled: ${what}`), ...letters]
  }
  await sweepNow(world)
  for (const [owner, load] of loads) faults.push(...(await verify(world, owner, load)))
  return [...faults, ...faultsOfLetters(expected, await takeLetters(world.database))]
}

async function everySecond(action: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // The database may be away for a moment: the next time will do.
    await action().catch(() => {})
    await delay(1000, undefined, { signal }).catch(() => {})
  }
}
