/** Lists of IP addresses and networks, as operators write them. */
import ipaddr from 'ipaddr.js'

/** Addresses and CIDR networks, comma separated; an IPv4 address is the same as its IPv6-mapped form. */
export interface AddressList {
  has(address: string): boolean
}

/** Entries that are no address and no network are left out; `problemsOfAddresses` names them. */
export function parseAddressList(text: string | undefined): AddressList {
  const networks = entriesOf(text)
    .map(toNetwork)
    .filter((network) => network !== undefined)
  return {
    has(address) {
      if (!ipaddr.isValid(address)) return false
      const given = ipaddr.process(address)
      return networks.some(([network, bits]) => network.kind() === given.kind() && given.match(network, bits))
    },
  }
}

/** The entries that are neither. */
export function problemsOfAddresses(text: string | undefined): string[] {
  return entriesOf(text).filter((entry) => toNetwork(entry) === undefined)
}

type Network = readonly [address: ipaddr.IPv4 | ipaddr.IPv6, bits: number]
/** Bits before the address in IPv4-mapped IPv6 (RFC 4291 §2.5.5.2). */
const MAPPED_BITS = 96

function toNetwork(entry: string): Network | undefined {
  // Short forms would pass for addresses: 10.1 is 10.0.0.1 to the parser.
  const isWhole = entry.includes(':') || ipaddr.IPv4.isValidFourPartDecimal(entry.split('/', 1)[0] ?? '')
  if (!isWhole) return undefined
  if (ipaddr.isValidCIDR(entry)) {
    const [address, bits] = ipaddr.parseCIDR(entry)
    const isMapped = address.kind() === 'ipv6' && (address as ipaddr.IPv6).isIPv4MappedAddress() && bits >= MAPPED_BITS
    return isMapped ? [(address as ipaddr.IPv6).toIPv4Address(), bits - MAPPED_BITS] : [address, bits]
  }
  if (!ipaddr.isValid(entry)) return undefined
  const address = ipaddr.process(entry)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

function entriesOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}
