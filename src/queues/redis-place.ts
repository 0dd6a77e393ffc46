/** Where Redis is: `redis://host:port`, or of a cluster several of its nodes: `redis://one:7000,two:7000,three:7000`. */
export interface RedisPlace {
  /** Of each node, or of the one server, as `ioredis` takes it. */
  readonly urls: readonly string[]
  /** Nodes to ask for the others; empty where Redis is one server. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
}

const DEFAULT_PORT = 6379
const SCHEME_USER_HOSTS_REST = /^(rediss?):\/\/(?:([^@/]*)@)?([^/?]+)(.*)$/

export function parseRedisUrl(text: string): RedisPlace {
  const [, scheme = 'redis', user, hosts = '', rest = ''] = SCHEME_USER_HOSTS_REST.exec(text) ?? []
  const urls = hosts
    .split(',')
    .map((host) => `${scheme}://${user === undefined ? '' : `${user}@`}${host.trim()}${rest}`)
  const parsed = urls.map((url) => new URL(url))
  const [first] = parsed
  return {
    urls,
    nodes:
      parsed.length === 1
        ? []
        : parsed.map(({ hostname, port }) => ({
            host: hostname.replace(/^\[|\]$/g, ''),
            port: Number(port || DEFAULT_PORT),
          })),
    tls: scheme === 'rediss',
    username: decoded(first?.username),
    password: decoded(first?.password),
  }
}

function decoded(part: string | undefined): string | undefined {
  return part === undefined || part === '' ? undefined : decodeURIComponent(part)
}
