/** The environment, read as every role reads it when it starts. */
import { type Config, ConfigError, loadConfig } from '../../src/config.ts'
import { type Check, type Finding, fault, ok, warning } from './check.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The configuration without what is wrong in it, so that the other checks can go on, and what was found. */
export function readConfiguration(env: Environment): { config: Config; check: Check } {
  const { config, problems } = load(env)
  const findings = [
    ...problems.map((problem) => fault(problem, 'mend the variable: docs/environment.md')),
    ...hints(config),
  ]
  const isFine = findings.length === 0
  const check: Check = {
    name: 'configuration',
    run: async () => (isFine ? [ok('every variable is valid')] : findings),
    mendOf: () => 'see docs/environment.md',
  }
  return { config, check }
}

function load(env: Environment): { config: Config; problems: readonly string[] } {
  try {
    return { config: loadConfig(env), problems: [] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const wrong = new Set(error.problems.flatMap((problem) => problem.split(':')[0]?.match(/[A-Z][A-Z0-9_]+/g) ?? []))
    const rest = Object.entries(env).filter(([name]) => !wrong.has(name))
    return { config: loadConfig(Object.fromEntries(rest)), problems: error.problems }
  }
}

function hints({ databaseUrl, redisUrl, host, metricsToken, sessionSecret }: Config): Finding[] {
  const onLoopback = /^(127\.|::1$|localhost$)/.test(host)
  const found = [
    databaseUrl === undefined &&
      fault(
        'DATABASE_URL is not set: no single role starts',
        'set it to a PostgreSQL 15 or later, then npm run migrate',
      ),
    redisUrl === undefined && fault('REDIS_URL is not set: no single role starts', 'set it to a Redis 6.2 or a Valkey'),
    !onLoopback &&
      metricsToken === undefined &&
      warning(
        'METRICS_TOKEN is not set, and the API is not on loopback: nobody can read /metrics',
        'set METRICS_TOKEN',
      ),
    !onLoopback &&
      sessionSecret === undefined &&
      warning('SESSION_SECRET is not set: sessions end with each API process', 'set one for all API processes'),
  ]
  return found.filter((finding) => finding !== false)
}
