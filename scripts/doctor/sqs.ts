/** SQS: both queues and their dead-letter queues, each as infra/topology.ts says. */
import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { queueNamesOf, renamed } from '../../infra/provision.ts'
import {
  differingAttributes,
  type QueueAttributes,
  wantedAttributes,
  wantedDeadLetterAttributes,
} from '../../infra/queue-attributes.ts'
import { type QueueTopology, TOPOLOGY } from '../../infra/topology.ts'
import type { Config } from '../../src/config.ts'
import { createSqsClient, findQueueUrl } from '../../src/queues/sqs-client.ts'
import { checkClock, mendOfAws, watchClock } from './aws.ts'
import { type Check, type Finding, fault, ok, warning } from './check.ts'

export function checkSqs(config: Config): Check {
  const names = queueNamesOf(config)
  const topologies = [
    renamed(TOPOLOGY.analysisQueue, names.analysisQueue),
    renamed(TOPOLOGY.resultQueue, names.resultQueue),
  ]
  return {
    name: 'sqs',
    async run(signal) {
      const { awsRegion: region, awsEndpointUrl: endpoint } = config
      const client = createSqsClient({ region, ...(endpoint === undefined ? {} : { endpoint }) })
      try {
        const clock = watchClock(client)
        const found = await Promise.all(topologies.map((topology) => checkQueue(client, topology, signal)))
        return [...found.flat(), ...checkClock(clock)]
      } finally {
        client.destroy()
      }
    },
    mendOf: mendOfAws,
  }
}

const PROVISION = 'npm run provision'

async function checkQueue(client: SQSClient, topology: QueueTopology, signal: AbortSignal): Promise<Finding[]> {
  const { name, deadLetterName } = topology
  const dead = await attributesOf(client, deadLetterName, signal)
  const queue = await attributesOf(client, name, signal)
  return [
    ...(dead === undefined
      ? [fault(`there is no queue ${deadLetterName}`, PROVISION)]
      : [
          ...compare(deadLetterName, wantedDeadLetterAttributes(topology), dead),
          ...checkLetters(deadLetterName, dead),
        ]),
    ...(queue === undefined
      ? [fault(`there is no queue ${name}`, PROVISION)]
      : compare(name, wantedAttributes(topology, dead?.QueueArn ?? ''), queue)),
  ]
}

async function attributesOf(
  client: SQSClient,
  name: string,
  signal: AbortSignal,
): Promise<QueueAttributes | undefined> {
  const url = await findQueueUrl(client, name)
  if (url === undefined) return undefined
  const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] })
  const { Attributes = {} } = await client.send(command, { abortSignal: signal })
  return Attributes
}

function compare(name: string, wanted: QueueAttributes, found: QueueAttributes): Finding[] {
  const differing = Object.keys(differingAttributes(wanted, found))
  const depth = `${found.ApproximateNumberOfMessages ?? 0} visible, ${found.ApproximateNumberOfMessagesNotVisible ?? 0} in flight`
  if (differing.length === 0) return [ok(`${name} is as the topology says; ${depth}`)]
  if (found.RedrivePolicy === undefined && differing.includes('RedrivePolicy')) {
    return [fault(`${name} has no redrive policy: what nobody can handle comes back until it expires`, PROVISION)]
  }
  return [fault(`${name} differs from the topology in ${differing.join(', ')}`, PROVISION)]
}

function checkLetters(name: string, { ApproximateNumberOfMessages = '0' }: QueueAttributes): Finding[] {
  if (Number(ApproximateNumberOfMessages) === 0) return []
  const mend = 'see why: npm run dead-letters -- list; npm run worker:reconcile takes them in'
  return [warning(`${ApproximateNumberOfMessages} dead letters lie in ${name}`, mend)]
}
