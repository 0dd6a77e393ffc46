/**
 * Which addresses a client may have us call. Server-side request forgery (OWASP A10:2021) is closed in two places that
 * share these rules: the text of a URL is checked when it is given and again before each send, and the addresses its
 * host resolves to are checked at connect, so that the address checked is the address connected to.
 *
 *   scheme    https
 *   port      80, 443, and all above 1024: what clients serve on; no mail, shells or name servers
 *   address   global unicast only
 */
import ipaddr from 'ipaddr.js'

export interface CallbackUrlRules {
  /** For tests: also http, and any port, to an address of this machine (default false). */
  readonly allowLoopback?: boolean
}

/** Reserved for use inside a network, or resolved by it (RFC 6761, RFC 6762, RFC 8375, ICANN 2024). */
const INSIDE_NAMES = /(^|\.)(localhost|local|internal|home\.arpa|localdomain)$/
/** Global by its range, yet answered by the machine's own host: Azure's platform address. */
const PLATFORM_ADDRESSES = new Set(['168.63.129.16'])

/**
 * Why a URL may not be called, as a clause such as `has to be https`; undefined when nothing in its text forbids it.
 * Odd spellings of IPv4 addresses (`0x7f.1`, `2130706433`) count as the addresses they are.
 */
export function checkCallbackUrl(url: string, { allowLoopback = false }: CallbackUrlRules = {}): string | undefined {
  const parsed = URL.parse(url)
  if (parsed === null) return 'is not a URL'
  const { protocol, username, password, port } = parsed
  if (protocol !== 'https:' && protocol !== 'http:') return 'has to be https'
  if (username !== '' || password !== '') return 'must not carry a user name or a password'
  const host = hostOf(parsed)
  if (allowLoopback && isLoopbackHost(host)) return undefined
  if (protocol !== 'https:') return 'has to be https'
  if (port !== '' && port !== '80' && Number(port) <= 1024) return 'has a port other than 80, 443 and those above 1024'
  if (ipaddr.isValid(host)) return isPublicAddress(host) ? undefined : 'names an address that is not public'
  if (!host.includes('.') || INSIDE_NAMES.test(host)) return 'names a host that is not public'
  return undefined
}

/** True for a global unicast address; false for every special range, for what embeds an IPv4 address, and for no address. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address) || PLATFORM_ADDRESSES.has(address)) return false
  const parsed = ipaddr.parse(address)
  if (parsed.range() !== 'unicast') return false
  // RFC 4291 §2.4: what has been given out as global unicast lies in 2000::/3.
  return !(parsed instanceof ipaddr.IPv6) || ((parsed.parts[0] ?? 0) & 0xe000) === 0x2000
}

/** True for `localhost` and the addresses of 127.0.0.0/8 and ::1, as a URL's parser writes them. */
export function isLoopbackHost(host: string): boolean {
  if (host === 'localhost') return true
  return ipaddr.isValid(host) && ipaddr.parse(host).range() === 'loopback'
}

/** Without the brackets of an IPv6 address and the dot that ends a full name. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
}
