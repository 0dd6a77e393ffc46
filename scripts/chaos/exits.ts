/** How a process of the drill may end, and what is said of one that ended in any other way. */

export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

/** What the drill had done to the process before it ended. */
export interface Doom {
  /** Killed, or told to kill itself, which a word too late cannot take back. */
  readonly toBeKilled: boolean
  /** Stopped in order. */
  readonly stopped: boolean
}

/** True of the end that the drill gave a process itself. */
export function isOurKill({ toBeKilled }: Doom, { signal }: Exit): boolean {
  return toBeKilled && signal === 'SIGKILL'
}

const SHOWN_CHARACTERS = 1500

/** A sentence for any end but a kill of ours and a stop that went well; undefined for these. */
export function faultOfExit(role: string, doom: Doom, exit: Exit, output: string): string | undefined {
  if (isOurKill(doom, exit) || (doom.stopped && exit.code === 0)) return undefined
  const what = doom.stopped ? 'did not stop in order' : 'ended by itself'
  const how = exit.signal ?? `code ${exit.code}`
  return `${role} ${what} (${how}): ${output.trim().slice(-SHOWN_CHARACTERS)}`
}

/** Keeps how the processes of each role ended. */
export function createExitBook() {
  const kills = new Map<string, number>()
  let faults: Promise<string | undefined>[] = []
  return {
    /** @param output resolves to what the process wrote */
    note(role: string, doom: Doom, exit: Exit, output: Promise<string>): void {
      if (isOurKill(doom, exit)) kills.set(role, (kills.get(role) ?? 0) + 1)
      faults.push(output.then((text) => faultOfExit(role, doom, exit, text)))
    },
    /** How many of a role's ends were our kills. */
    kills: (role: string): number => kills.get(role) ?? 0,
    /** What is wrong with those noted since this was last asked. */
    async takeFaults(): Promise<string[]> {
      const taken = faults
      faults = []
      return (await Promise.all(taken)).filter((fault) => fault !== undefined)
    },
  }
}
