/** What the environment says, read once at the start; a wrong value stops the start with every problem listed. */
import type { Static } from 'typebox'
import { Value } from 'typebox/value'
import { camelCase, convert, explain } from './config-values.ts'
import { problemsOfDirectRoute } from './direct-route-problems.ts'
import { environmentSchema, propertiesOf } from './environment.ts'

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<S>
type Environment = Static<typeof environmentSchema>
/** The environment in camelCase: `MAX_UPLOAD_BYTES` is `maxUploadBytes`. */
export type Config = { readonly [Name in keyof Environment as CamelCase<Name>]: Environment[Name] }

/** Every problem of an environment, a line each. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The environment is not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** Reads the environment; an empty variable counts as unset. Throws a ConfigError that lists every problem. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = []
  const config: Record<string, unknown> = {}
  for (const [name, schema] of propertiesOf(environmentSchema)) {
    const given = env[name] === '' ? undefined : env[name]
    const value = given === undefined ? schema.default : convert(schema, given)
    config[camelCase(name)] = value
    if (given !== undefined && !Value.Check(schema, value)) problems.push(`${name}: ${explain(schema, given)}`)
  }
  problems.push(...problemsOfKeys(config.bootstrapApiKeys as string | undefined))
  if ((config.jwtIssuer === undefined) !== (config.jwtAudience === undefined)) {
    problems.push('JWT_ISSUER and JWT_AUDIENCE: one is set without the other')
  }
  problems.push(...problemsOfDirectRoute(config))
  if (problems.length > 0) throw new ConfigError(problems)
  return config as Config
}

export interface BootstrapKey {
  readonly owner: string
  readonly key: string
  readonly role: 'user' | 'admin'
}

const BOOTSTRAP_KEY = /^([A-Za-z0-9][A-Za-z0-9._@|+-]{0,63})=([^\s,:]{8,200})(?::(admin))?$/

/** The keys of `BOOTSTRAP_API_KEYS`. */
export function parseBootstrapKeys(list: string | undefined): BootstrapKey[] {
  return splitList(list).flatMap((entry) => {
    const [, owner, key, admin] = BOOTSTRAP_KEY.exec(entry) ?? []
    return owner === undefined || key === undefined ? [] : [{ owner, key, role: admin ?? 'user' } as BootstrapKey]
  })
}

/** The places of `ANALYSIS_ALLOWED_S3_PREFIXES`. */
export function parseAllowedPrefixes(list: string | undefined): string[] {
  return splitList(list)
}

/** The origins of `CORS_ORIGINS`, as browsers write them. */
export function parseOrigins(list: string | undefined): string[] {
  return splitList(list).map((origin) => URL.parse(origin)?.origin ?? origin)
}

function problemsOfKeys(list: string | undefined): string[] {
  return splitList(list).flatMap((entry, index) => {
    const [, , key = ''] = BOOTSTRAP_KEY.exec(entry) ?? []
    if (key.split('.').length === 3) {
      return [`BOOTSTRAP_API_KEYS: entry ${index + 1} has a key of three parts between dots, which reads as a JWT`]
    }
    if (key !== '') return []
    return [`BOOTSTRAP_API_KEYS: entry ${index + 1} is not owner=key[:admin] with a key of 8 to 200 characters`]
  })
}

function splitList(list: string | undefined): string[] {
  return (list ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}
