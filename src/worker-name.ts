import { hostname } from 'node:os'

/** How this process is named in timelines: what it does, where, and which process it is there. At most 90 characters. */
export function workerName(role: string): string {
  return `${role}@${hostname().slice(0, 64)}:${process.pid}`
}
