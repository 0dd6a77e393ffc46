import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The first program of this name on PATH, as a path; undefined when there is none. */
export function findProgram(name: string): string | undefined {
  return foldersOnPath()
    .map((folder) => join(folder, name))
    .find(isExecutable)
}

export function foldersOnPath(): string[] {
  return (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
}

/** True for a file that this process may run. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
