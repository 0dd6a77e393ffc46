/**
 * The processes of the roles, one each. Whoever dies is replaced at once, by one that has loaded everything already
 * and only waits to be told which role it is.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Role } from '../../src/roles.ts'
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
  /** How often the role has died since its first start, in whatever way that `stop` was not. */
  deaths(role: Role): number
  /** When it last did, by the machine's clock; undefined when it never has. */
  lastDeath(role: Role): Date | undefined
  /** Resolves when the role runs. */
  whenRunning(role: Role): Promise<void>
  /** The calls a role has made since it was last asked. */
  calls(role: Role): Promise<Readonly<Record<string, CallCount>>>
  /** The end of what all of them wrote. */
  output(): string
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
  readonly ended: Promise<void>
  onCalls: (calls: Readonly<Record<string, CallCount>>) => void
  leaving: boolean
}

const ENTRY = fileURLToPath(new URL('role.ts', import.meta.url))
const KEPT_CHARACTERS = 60_000

/** @param env of every process, with the stores' addresses */
export function createCrew(env: Readonly<Record<string, string>>): Crew {
  const members = new Map<Role, Member>()
  const deaths = new Map<Role, Date[]>()
  const hall = createHall(env)

  function employ(role: Role, { kill, env: own = {}, execArgv }: StartOptions): Promise<void> {
    const member = execArgv === undefined ? hall.take() : hall.make(execArgv)
    members.set(role, member)
    void member.loaded.then(() => send(member, { type: 'go', role, env: own, ...(kill && { kill }) }))
    void member.ended.then(() => {
      if (members.get(role) !== member || member.leaving || hall.isClosing()) return
      deaths.set(role, [...(deaths.get(role) ?? []), new Date()])
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
      member.leaving = true
      member.child.kill('SIGTERM')
      await member.ended
    },
    kill: (role) => void running(role).child.kill('SIGKILL'),
    arm: (role, kill) => send(running(role), { type: 'arm', kill }),
    deaths: (role) => deaths.get(role)?.length ?? 0,
    lastDeath: (role) => deaths.get(role)?.at(-1),
    whenRunning: (role) => running(role).running,
    calls: (role) =>
      new Promise((resolve) => {
        const member = running(role)
        member.onCalls = resolve
        send(member, { type: 'report' })
      }),
    output: hall.output,
    close: hall.close,
  }
}

/** Where processes wait for their role: always one, which is loaded while the others work. */
function createHall(env: Readonly<Record<string, string>>) {
  const all = new Set<Member>()
  let text = ''
  let closing = false
  const collect = (chunk: Buffer): void => {
    text = (text + chunk).slice(-KEPT_CHARACTERS)
  }
  const make = (execArgv: readonly string[] = []): Member => {
    const member = spawnMember(env, execArgv, collect)
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
    output: () => text,
    async close(): Promise<void> {
      closing = true
      const left = [...all]
      for (const { child } of left) child.kill('SIGKILL')
      await Promise.all(left.map(({ ended }) => ended))
    },
  }
}

function spawnMember(
  env: Readonly<Record<string, string>>,
  execArgv: readonly string[],
  collect: (chunk: Buffer) => void,
): Member {
  const { PATH = '', HOME = '' } = process.env
  const child = fork(ENTRY, [], {
    env: { PATH, HOME, ...env },
    execArgv: [...execArgv],
    // A Ctrl-C in the terminal is for the drill, which ends all of them.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  const loaded = Promise.withResolvers<void>()
  const running = Promise.withResolvers<void>()
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const member: Member = {
    child,
    loaded: loaded.promise,
    running: Promise.race([running.promise, ended]),
    ended,
    onCalls: () => {},
    leaving: false,
  }
  child.on('message', (word: Word) => {
    if (word.type === 'loaded') loaded.resolve()
    else if (word.type === 'running') running.resolve()
    else member.onCalls(word.calls)
  })
  return member
}

/** Who has just died cannot be told anything, and need not be. */
function send({ child }: Member, order: Order): void {
  if (child.connected) child.send(order, () => {})
}
