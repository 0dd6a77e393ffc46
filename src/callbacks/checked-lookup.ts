/**
 * A host's addresses, given to the socket only when every one of them may be called. The socket connects to what this
 * answers and asks nobody again, so a name that points elsewhere a moment later (DNS rebinding) gains nothing.
 */
import { lookup } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import { type CallbackUrlRules, isLoopbackHost, isPublicAddress } from '../domain/callback-url.ts'

export interface HostAddress {
  readonly address: string
  readonly family: number
}

/** All addresses of a host. */
export type Resolve = (hostname: string) => Promise<readonly HostAddress[]>

/** What a connection fails with when its host's addresses may not be called. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
}

export const resolveHost: Resolve = (hostname) => lookup(hostname, { all: true })

export function createCheckedLookup(resolve: Resolve, { allowLoopback = false }: CallbackUrlRules): LookupFunction {
  const check = async (hostname: string): Promise<readonly HostAddress[]> => {
    const found = await resolve(hostname)
    if (found.length === 0) throw new AddressRefused('no address')
    // Only a name that says it is this machine's: any other that leads here is what all this is against.
    const mayBeLoopback = allowLoopback && isLoopbackHost(hostname)
    const refused = found.find(
      ({ address }) => !isPublicAddress(address) && !(mayBeLoopback && isLoopbackHost(address)),
    )
    if (refused !== undefined) throw new AddressRefused('an address that is not public')
    return found
  }
  return (hostname, options, callback) => {
    check(hostname).then(
      (found) => {
        if (options.all) return callback(null, [...found])
        const first = found.find(({ family }) => !options.family || family === options.family) ?? found[0]!
        callback(null, first.address, first.family)
      },
      (error) => callback(error, '', 0),
    )
  }
}
