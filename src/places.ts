/** Where the stores of a process are, and who it is to them. */
import type { Config } from './config.ts'
import type { DatabaseSource } from './storage/database.ts'

/** Where the stores are. */
export interface Places {
  readonly database: DatabaseSource
  readonly redisUrl: string
  /** Undefined: AWS itself. */
  readonly awsEndpointUrl: string | undefined
  /** True for the emulator in this process, which asks for no credentials. */
  readonly embeddedAws?: boolean
}

/** The embedded endpoint takes any credentials; a real one's come from the environment, a profile or a role. */
export function awsOptions(
  config: Config,
  { awsEndpointUrl, embeddedAws }: Pick<Places, 'awsEndpointUrl' | 'embeddedAws'>,
) {
  const credentials = embeddedAws ? { credentials: { accessKeyId: 'embedded', secretAccessKey: 'embedded' } } : {}
  return {
    region: config.awsRegion,
    ...(awsEndpointUrl === undefined ? {} : { endpoint: awsEndpointUrl }),
    ...credentials,
  }
}
