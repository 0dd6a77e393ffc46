/** What the operators' commands have in common: how they are called, what they reach, and how they say what went wrong. */
import { parseArgs } from 'node:util'
import { ConfigError } from '../../src/config.ts'
import { AppError } from '../../src/domain/errors.ts'
import { type ApiClient, createApiClient } from './api-client.ts'
import { UsageError } from './usage-error.ts'

export interface Given {
  readonly argument: string | undefined
  readonly values: Readonly<Record<string, string | boolean | undefined>>
}

export interface Command<Access> {
  readonly usage: string
  /** What its one argument is; undefined: it takes none. */
  readonly argument?: string
  readonly options: Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>
  /** What `--json` prints, and the same for people. */
  run(access: Access, given: Given): Promise<{ json: unknown; text: string }>
}

export type Environment = Readonly<Record<string, string | undefined>>

export interface Script<Access> {
  /** As in `npm run <name>`. */
  readonly name: string
  readonly commands: Readonly<Record<string, Command<Access>>>
  readonly overHttp: (call: ApiClient) => Access
  /** With DATABASE_URL in the environment. */
  readonly inStores: (env: Environment) => Access | Promise<Access>
}

/** Runs one command and prints its answer. Resolves to the exit code: 1 for what was refused, 2 for what cannot be asked. */
export async function runCommand<Access extends { close(): Promise<void> }>(
  script: Script<Access>,
  args: readonly string[],
): Promise<number> {
  try {
    const { command, given, asJson } = readCommand(script, args)
    const access = await openAccess(script, process.env)
    try {
      const { json, text } = await command.run(access, given)
      console.log(asJson ? JSON.stringify(json) : text)
    } finally {
      await access.close()
    }
    return 0
  } catch (error) {
    console.error(explain(error, usageOf(script)))
    return error instanceof UsageError || error instanceof ConfigError ? 2 : 1
  }
}

/** TONEWIRE_URL leads to a running API; only without it is DATABASE_URL opened. Throws a UsageError without either. */
async function openAccess<Access>({ overHttp, inStores }: Script<Access>, env: Environment): Promise<Access> {
  const { TONEWIRE_URL: url, TONEWIRE_KEY: key, DATABASE_URL: databaseUrl } = env
  if (url) {
    if (!key) throw new UsageError('TONEWIRE_KEY is not set: it is the admin key to call the API with.')
    return overHttp(createApiClient(url, key))
  }
  if (databaseUrl) return inStores(env)
  throw new UsageError(
    'Set TONEWIRE_URL and TONEWIRE_KEY (an admin key) to speak to a running API, or DATABASE_URL to open the database.',
  )
}

function readCommand<Access>(
  { commands }: Script<Access>,
  args: readonly string[],
): { command: Command<Access>; given: Given; asJson: boolean } {
  const [name = '', ...rest] = args
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) throw new UsageError(name === '' ? 'Which command?' : `There is no command "${name}".`)
  const { values, positionals } = parse(rest, command)
  const [argument, tooMuch = command.argument === undefined ? argument : undefined] = positionals
  if (command.argument !== undefined && argument === undefined)
    throw new UsageError(`The ${command.argument} is missing.`)
  if (tooMuch !== undefined) throw new UsageError(`"${tooMuch}" is one argument too many.`)
  return { command, given: { argument, values }, asJson: values.json === true }
}

function parse(args: string[], { options }: Pick<Command<never>, 'options'>) {
  try {
    return parseArgs({ args, allowPositionals: true, options: { ...options, json: { type: 'boolean' } } })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function explain(error: unknown, usage: string): string {
  if (error instanceof UsageError) return `${error.message}\n\n${usage}`
  if ((error as { code?: unknown }).code === '42P01') return 'The database has no schema yet: npm run migrate makes it.'
  if (error instanceof AppError) return `${error.detail} (${error.code})`
  return error instanceof Error ? error.message : String(error)
}

function usageOf<Access>({ name, commands }: Script<Access>): string {
  const lines = Object.values(commands).map(({ usage }) => `  npm run ${name} -- ${usage} [--json]`)
  return `usage:\n${lines.join('\n')}\nTONEWIRE_URL and TONEWIRE_KEY name a running API; without them DATABASE_URL is opened.`
}
