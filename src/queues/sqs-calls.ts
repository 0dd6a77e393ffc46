/**
 * Calls of SQS without the SDK's layers, which took a fifth of what a job cost all workers: JSON over kept-alive
 * connections, signed as the SDK signs. For what is asked again and again; queues are made and found with the SDK.
 *
 *   https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
 */
import { setTimeout as delay } from 'node:timers/promises'
import type {
  ChangeMessageVisibilityBatchRequest,
  ChangeMessageVisibilityBatchResult,
  DeleteMessageBatchRequest,
  DeleteMessageBatchResult,
  GetQueueAttributesRequest,
  GetQueueAttributesResult,
  ReceiveMessageRequest,
  ReceiveMessageResult,
  SendMessageBatchRequest,
  SendMessageBatchResult,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { SignatureV4 } from '@smithy/signature-v4'
import { Agent, type Dispatcher, request } from 'undici'
import { Sha256 } from '../domain/sha256.ts'
import { readSqsError, SqsError } from './sqs-errors.ts'

interface Actions {
  SendMessageBatch: [SendMessageBatchRequest, SendMessageBatchResult]
  ReceiveMessage: [ReceiveMessageRequest, ReceiveMessageResult]
  DeleteMessageBatch: [DeleteMessageBatchRequest, DeleteMessageBatchResult]
  ChangeMessageVisibilityBatch: [ChangeMessageVisibilityBatchRequest, ChangeMessageVisibilityBatchResult]
  GetQueueAttributes: [GetQueueAttributesRequest, GetQueueAttributesResult]
}
export type SqsAction = keyof Actions

export interface CallBounds {
  /** Longest wait for an answer. Default 10 s; a long poll's own wait comes on top. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface SqsCalls {
  /**
   * One action of one queue, tried a second time when what went wrong may pass. Throws {@link SqsError} for an answer
   * that says no, what the connection threw, or the signal's reason.
   */
  call<A extends SqsAction>(action: A, input: Actions[A][0], bounds?: CallBounds): Promise<Actions[A][1]>
  close(): Promise<void>
}

/** Longest wait for an answer that is not a long poll's. */
export const ANSWER_TIMEOUT_MS = 10_000
const CONNECT_MS = 3_000
const MAX_ATTEMPTS = 2
const RETRY_MS = 100
/** Ten messages of 1 MiB each, every byte of them escaped as six, and what comes around them. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024
/** As the SDK does: AWS refuses signatures that are 5 to 15 minutes off. */
const SKEW_MS = 240_000

/** With this client's credentials (refreshed by the SDK), region, endpoint and clock; it stays the caller's. */
export function createSqsCalls({ config }: SQSClient): SqsCalls {
  const { region, credentials } = config
  const signer = new SignatureV4({ service: 'sqs', region, credentials, sha256: Sha256, applyChecksum: false })
  const agent = new Agent({ connect: { timeout: CONNECT_MS }, allowH2: false, maxResponseSize: MAX_ANSWER_BYTES })
  const given = config.endpoint?.()

  async function callOnce(action: SqsAction, url: URL, body: string, { timeoutMs, signal }: CallBounds) {
    const headers = await sign(action, url, body)
    const time = timeoutMs ?? ANSWER_TIMEOUT_MS
    const answer = await request(url, {
      method: 'POST',
      headers,
      body,
      dispatcher: agent,
      headersTimeout: time,
      bodyTimeout: time,
      ...(signal === undefined ? {} : { signal }),
    })
    const text = await answer.body.text()
    if (answer.statusCode === 200) return text
    adjustClock(answer.headers)
    throw readSqsError(answer.statusCode, answer.headers, text)
  }

  async function sign(action: SqsAction, url: URL, body: string): Promise<Record<string, string>> {
    const { protocol, hostname, host, port, pathname: path } = url
    const headers = {
      host,
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `AmazonSQS.${action}`,
      'x-amzn-query-mode': 'true',
    }
    const target = { protocol, hostname, path, ...(port === '' ? {} : { port: Number(port) }) }
    const signingDate = new Date(Date.now() + config.systemClockOffset)
    return (await signer.sign({ method: 'POST', ...target, headers, body }, { signingDate })).headers
  }

  function adjustClock({ date }: Dispatcher.ResponseData['headers']): void {
    const offset = typeof date === 'string' ? Date.parse(date) - Date.now() : Number.NaN
    if (Math.abs(offset - config.systemClockOffset) >= SKEW_MS) config.systemClockOffset = offset
  }

  return {
    async call<A extends SqsAction>(action: A, input: Actions[A][0], bounds: CallBounds = {}) {
      const url = await placeOf(await given, input.QueueUrl)
      const body = JSON.stringify(input)
      for (let attempt = 1; ; attempt += 1) {
        try {
          const text = await callOnce(action, url, body, bounds)
          // Actions that have nothing to say answer with nothing.
          return (text === '' ? {} : JSON.parse(text)) as Actions[A][1]
        } catch (error) {
          bounds.signal?.throwIfAborted()
          if (attempt === MAX_ATTEMPTS || !mayPass(error)) throw error
          await delay(Math.random() * RETRY_MS, undefined, bounds.signal && { signal: bounds.signal })
        }
      }
    },
    close: () => agent.destroy(),
  }
}

type Endpoint = Awaited<ReturnType<NonNullable<SQSClient['config']['endpoint']>>>

/** The endpoint that was given, for emulators put names into queue URLs that only they can resolve; else the URL's. */
function placeOf(endpoint: Endpoint | undefined, queueUrl: string | undefined): URL {
  if (endpoint === undefined) return new URL('/', queueUrl)
  const { protocol, hostname, port, path } = endpoint
  return new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`)
}

function mayPass(error: unknown): boolean {
  return error instanceof SqsError ? error.mayPass : true
}
