import { LocalstackContainer } from '@testcontainers/localstack'

/** The last image that needs no account; it gets no patches. */
const IMAGE = process.env.AWS_IMAGE ?? 'localstack/localstack:4.14.0'

export interface LocalStack {
  readonly endpoint: string
  stop(): Promise<void>
}

/** Runs LocalStack, or the image in AWS_IMAGE, in Docker on a free port; resolves when it says that it is ready. */
export async function startLocalStack(): Promise<LocalStack> {
  const container = await new LocalstackContainer(IMAGE).withEnvironment({ SERVICES: 's3,sqs' }).start()
  return { endpoint: container.getConnectionUri(), stop: async () => void (await container.stop()) }
}
