/**
 * The processes of the roles, one each. Whoever dies is replaced at once, by one that has loaded everything already
 * and only waits to be told which role it is.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Role } from '../../src/roles.ts'
import { createExitBook, type Doom, type Exit } from './exits.ts'
import type { CallCount, Kill, Order, Word } from './role.ts'

export interface Crew {
  /** Starts a role and resolves when it runs. */
  start(role: Role, how?: StartOptions): Promise<void>
  /** Ends a role in order; it stays away until it is started. */
  stop(role: Role): Promise<void>
  /** Kills a role, as the kernel would. */
  kill(role: Role): void
  /** The role that runs is to stop itself; undefined takes that back. */
  arm(role: Role, kill: Kill | undefined): void
  /** How often the drill itself has killed the role: by `kill`, or because it was armed. */
  kills(role: Role): number
  /** When the role last died, in whatever way that `stop` was not, by the machine's clock; undefined when it never has. */
  lastDeath(role: Role): Date | undefined
  /** What is wrong with the ends of processes since this was last asked: those that no kill and no stop of ours was. */
  takeFaults(): Promise<string[]>
  /** How far the clock of a role is ahead of the machine's. */
  clockAheadMs(role: Role): Promise<number>
  /** Resolves when the role runs. */
  whenRunning(role: Role): Promise<void>
  /** The calls a role has made since it was last asked. */
  calls(role: Role): Promise<Readonly<Record<string, CallCount>>>
  close(): Promise<void>
}

export interface StartOptions {
  readonly kill?: Kill
  readonly env?: Readonly<Record<string, string>>
  /** Of Node, such as `--import`: the process is made for it. */
  readonly execArgv?: readonly string[]
}

interface Member {
  readonly child: ChildProcess
  readonly loaded: Promise<void>
  readonly running: Promise<void>
  readonly ended: Promise<Exit>
  /** All of it, once nothing more can come. */
  readonly output: () => Promise<string>
  onReport: (report: Report) => void
  /** What the drill has done to it. */
  doom: Doom
}

type Report = Extract<Word, { type: 'report' }>

const ENTRY = fileURLToPath(new URL('role.ts', import.meta.url))
/** Of what each process wrote. */
const KEPT_CHARACTERS = 4000
/** What a process wrote may be held open by a child of its own. */
const OUTPUT_MS = 1000

/** @param env of every process, with the stores' addresses */
export function createCrew(env: Readonly<Record<string, string>>): Crew {
  const members = new Map<Role, Member>()
  const deaths = new Map<Role, Date>()
  const exits = createExitBook()
  const hall = createHall(env)

  function employ(role: Role, { kill, env: own = {}, execArgv }: StartOptions): Promise<void> {
    const member = execArgv === undefined ? hall.take() : hall.make(execArgv)
    members.set(role, member)
    if (kill !== undefined) condemn(member)
    void member.loaded.then(() => send(member, { type: 'go', role, env: own, ...(kill && { kill }) }))
    void member.ended.then((exit) => {
      if (hall.isClosing()) return
      exits.note(role, member.doom, exit, member.output())
      if (members.get(role) !== member || member.doom.stopped) return
      deaths.set(role, new Date())
      void employ(role, { env: own, ...(execArgv && { execArgv }) })
    })
    return member.running
  }

  const running = (role: Role): Member => {
    const member = members.get(role)
    if (member === undefined) throw new Error(`${role} was not started`)
    return member
  }

  return {
    start: (role, how = {}) => employ(role, how),
    async stop(role) {
      const member = running(role)
      // Before that nobody in it hears a signal.
      await member.running
      member.doom = { ...member.doom, stopped: true }
      member.child.kill('SIGTERM')
      await member.ended
    },
    kill(role) {
      condemn(running(role)).child.kill('SIGKILL')
    },
    arm(role, kill) {
      const member = running(role)
      send(kill === undefined ? member : condemn(member), { type: 'arm', kill })
    },
    kills: exits.kills,
    lastDeath: (role) => deaths.get(role),
    takeFaults: exits.takeFaults,
    whenRunning: (role) => running(role).running,
    calls: async (role) => (await report(running(role))).calls,
    clockAheadMs: async (role) => (await report(running(role))).nowMs - Date.now(),
    close: hall.close,
  }
}

function condemn(member: Member): Member {
  member.doom = { ...member.doom, toBeKilled: true }
  return member
}

function report(member: Member): Promise<Report> {
  return new Promise((resolve) => {
    member.onReport = resolve
    send(member, { type: 'report' })
  })
}

/** Where processes wait for their role: always one, which is loaded while the others work. */
function createHall(env: Readonly<Record<string, string>>) {
  const all = new Set<Member>()
  let closing = false
  const make = (execArgv: readonly string[] = []): Member => {
    const member = spawnMember(env, execArgv)
    all.add(member)
    void member.ended.then(() => all.delete(member))
    return member
  }
  let spare = make()
  return {
    make,
    take(): Member {
      const taken = spare
      if (!closing) spare = make()
      return taken
    },
    isClosing: () => closing,
    async close(): Promise<void> {
      closing = true
      const left = [...all]
      for (const { child } of left) child.kill('SIGKILL')
      await Promise.all(left.map(({ ended }) => ended))
    },
  }
}

function spawnMember(env: Readonly<Record<string, string>>, execArgv: readonly string[]): Member {
  const { PATH = '', HOME = '' } = process.env
  const child = fork(ENTRY, [], {
    env: { PATH, HOME, ...env },
    execArgv: [...execArgv],
    // A Ctrl-C in the terminal is for the drill, which ends all of them.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let text = ''
  const collect = (chunk: Buffer): void => {
    text = (text + chunk).slice(-KEPT_CHARACTERS)
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  const loaded = Promise.withResolvers<void>()
  const running = Promise.withResolvers<void>()
  const ended = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', ({ message }) => resolve({ code: null, signal: message }))
  })
  const closed = new Promise<void>((resolve) => void child.once('close', () => resolve()))
  const member: Member = {
    child,
    loaded: loaded.promise,
    running: Promise.race([running.promise, ended.then(() => {})]),
    ended,
    output: () => Promise.race([closed, delay(OUTPUT_MS)]).then(() => text),
    onReport: () => {},
    doom: { toBeKilled: false, stopped: false },
  }
  child.on('message', (word: Word) => {
    if (word.type === 'loaded') loaded.resolve()
    else if (word.type === 'running') running.resolve()
    else member.onReport(word)
  })
  return member
}

/** Who has just died cannot be told anything, and need not be. */
function send({ child }: Member, order: Order): void {
  if (child.connected) child.send(order, () => {})
}
