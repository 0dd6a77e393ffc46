/** Requests to S3 that are signed here and not by the SDK: where they go, what they are called, and the signature. */
import type { S3Client } from '@aws-sdk/client-s3'
import { SignatureV4 } from '@smithy/signature-v4'
import { Sha256 } from '../domain/sha256.ts'

export interface SignableRequest {
  readonly method: 'GET' | 'PUT'
  readonly key: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

export interface SignedRequest {
  readonly url: URL
  /** Path and query as they were signed. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

export interface ObjectSigner {
  /** For a request of our own. */
  sign(request: SignableRequest): Promise<SignedRequest>
  /** For somebody else, as a URL that works for a while. */
  presign(request: SignableRequest, expiresInS: number): Promise<string>
}

const UNSIGNED = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }

/**
 * Signs as this client does: its credentials (refreshed by the SDK, session tokens too), region, addressing and clock.
 * The body is not part of the signature: it passes once, and what was stored is known by its own SHA-256.
 * `endpoint` is another address of the same store.
 */
export function createObjectSigner({ config }: S3Client, bucket: string, endpoint?: string): ObjectSigner {
  const { region, credentials } = config
  const common = { service: 's3', uriEscapePath: false, applyChecksum: false, sha256: Sha256 }
  const signer = new SignatureV4({ ...common, region, credentials })
  let place: URL | undefined
  const prepare = async ({ method, key, query = {}, headers = {} }: SignableRequest) => {
    place ??= await bucketUrl(config, bucket, endpoint)
    const url = place
    const path = `${url.pathname.replace(/\/$/, '')}/${escapeKey(key)}`
    const { protocol, hostname, port } = url
    const target = { protocol, hostname, path, ...(port === '' ? {} : { port: Number(port) }) }
    const signed = { host: url.host, ...headers, ...UNSIGNED }
    return { url, request: { method, ...target, query: { ...query }, headers: signed } }
  }
  const signingDate = () => new Date(Date.now() + config.systemClockOffset)
  return {
    sign: async (request) => {
      const { url, request: prepared } = await prepare(request)
      const { headers } = await signer.sign(prepared, { signingDate: signingDate() })
      return { url, path: prepared.path + formatQuery(prepared.query), headers }
    },
    presign: async (request, expiresIn) => {
      const { url, request: prepared } = await prepare(request)
      const { query = {} } = await signer.presign(prepared, { expiresIn, signingDate: signingDate() })
      return url.origin + prepared.path + formatQuery(query as Record<string, string>)
    },
  }
}

/** The bucket's own address by the SDK's rules: path style at an endpoint, virtual-hosted at AWS. */
async function bucketUrl(config: S3Client['config'], bucket: string, endpoint: string | undefined): Promise<URL> {
  const { endpointProvider, forcePathStyle } = config
  const own = await config.endpoint?.()
  const port = own?.port === undefined ? '' : `:${own.port}`
  const Endpoint = endpoint ?? (own && `${own.protocol}//${own.hostname}${port}${own.path}`)
  const { url } = endpointProvider({
    Bucket: bucket,
    Region: await config.region(),
    UseFIPS: await config.useFipsEndpoint(),
    UseDualStack: await config.useDualstackEndpoint(),
    ForcePathStyle: forcePathStyle === true || Endpoint !== undefined,
    ...(Endpoint === undefined ? {} : { Endpoint }),
  })
  return url
}

/** S3 signs the path as it is sent, where only unreserved characters (RFC 3986) and the slash stay. */
function escapeKey(key: string): string {
  return key.split('/').map(escapeText).join('/')
}

function formatQuery(query: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(query).map(([name, value]) => `${escapeText(name)}=${escapeText(value)}`)
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

function escapeText(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}
