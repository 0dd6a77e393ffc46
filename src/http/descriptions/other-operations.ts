/** Tokens, sessions, what operators do, and what tools ask. */
import { type Answer, binary, noContent, type Operation, text } from './operation.ts'

const jsonDocument = (description: string): Record<string, Answer> => ({
  200: { description, content: { 'application/json': { schema: { type: 'object' } } } },
})
const status = { type: 'object', required: ['status'], properties: { status: { const: 'ok' } } }

/** By method and path. */
export const OTHER_OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET /v1/tokens': { id: 'listTokens', tag: 'tokens', summary: 'List tokens with reference material' },
  'GET /v1/tokens/{token_id}': {
    id: 'getToken',
    tag: 'tokens',
    summary: 'Read which reference material a token has',
    problems: ['token-not-found'],
  },
  'PUT /v1/tokens/{token_id}': {
    id: 'putToken',
    tag: 'tokens',
    summary: 'Store reference material',
    description: 'Any of the parts; what is not sent stays as it is.',
    problems: [
      ...(['upload-empty', 'upload-no-file', 'upload-malformed', 'upload-aborted', 'upload-expired'] as const),
      ...(['upload-too-slow', 'upload-too-large', 'upload-type-unsupported', 'upload-not-audio'] as const),
      ...(['expectation-unknown', 'reference-invalid', 'storage-unavailable', 'not-ready'] as const),
    ],
    body: {
      'multipart/form-data': {
        type: 'object',
        minProperties: 1,
        additionalProperties: false,
        properties: {
          audio: binary('A recording of the reference'),
          textgrid: binary('A Praat TextGrid'),
          pitch: binary('A Praat Pitch or PitchTier file'),
        },
      },
    },
  },
  'DELETE /v1/tokens/{token_id}': {
    id: 'deleteToken',
    tag: 'tokens',
    summary: 'Remove reference material',
    problems: ['token-not-found', 'storage-unavailable'],
    answers: noContent('Removed. Jobs that were made before keep what they are compared with.'),
  },
  'POST /v1/session': {
    id: 'openSession',
    tag: 'session',
    summary: 'Trade a key or an access token for a cookie',
    description: 'Send `Authorization`; the cookie lets a page of this site use `EventSource`.',
    problems: ['unauthorized', 'issuer-unavailable', 'database-unavailable'],
    headers: ['set-cookie'],
  },
  'DELETE /v1/session': {
    id: 'closeSession',
    tag: 'session',
    summary: 'Clear the cookie',
    problems: ['forbidden'],
    headers: ['set-cookie'],
    answers: noContent('The cookie is cleared.'),
  },
  'POST /v1/admin/keys': { id: 'createKey', tag: 'admin', summary: 'Make a key' },
  'GET /v1/admin/keys': { id: 'listKeys', tag: 'admin', summary: 'List keys' },
  'DELETE /v1/admin/keys/{key_id}': {
    id: 'revokeKey',
    tag: 'admin',
    summary: 'Revoke a key',
    problems: ['key-not-found', 'last-admin-key'],
    answers: noContent('Revoked; it may be taken for another 5 s elsewhere.'),
  },
  'POST /v1/admin/owners/{owner}/secret': {
    id: 'rotateOwnerSecret',
    tag: 'admin',
    summary: 'Make an owner’s callback secret anew',
  },
  'DELETE /v1/admin/owners/{owner}': {
    id: 'deleteOwner',
    tag: 'admin',
    summary: 'Delete everything of an owner',
    description:
      'The owner’s keys end at once and for good: `BOOTSTRAP_API_KEYS` does not bring them back at the next start. A new key does bring the owner back, with nothing of before.',
    problems: ['last-admin-key', 'storage-unavailable'],
  },
  'GET /livez': {
    id: 'live',
    tag: 'system',
    summary: 'Alive',
    answers: {
      200: { description: 'Alive.', content: { 'application/json': { schema: status, example: { status: 'ok' } } } },
    },
  },
  'GET /readyz': {
    id: 'ready',
    tag: 'system',
    summary: 'Ready to take requests',
    problems: ['not-ready', 'shutting-down'],
    answers: {
      200: {
        description: 'Ready; `checks` are the stores that answered.',
        content: {
          'application/json': {
            schema: {
              ...status,
              properties: { ...status.properties, checks: { type: 'array', items: { type: 'string' } } },
            },
            example: { status: 'ok', checks: ['database', 'storage'] },
          },
        },
      },
    },
  },
  'GET /metrics': {
    id: 'metrics',
    tag: 'system',
    summary: 'Figures for Prometheus',
    description: 'Needs `METRICS_TOKEN` as a bearer token when the API is not on loopback.',
    problems: ['unauthorized'],
    answers: {
      200: {
        description: 'The Prometheus text format.',
        content: { 'text/plain': { schema: text('Figures'), example: 'tonewire_jobs{status="queued"} 0\n' } },
      },
    },
  },
  'GET /openapi.json': {
    id: 'openapi',
    tag: 'system',
    summary: 'This document',
    answers: jsonDocument('OpenAPI 3.1'),
  },
  'GET /asyncapi.json': {
    id: 'asyncapi',
    tag: 'system',
    summary: 'The description of the queues',
    answers: jsonDocument('AsyncAPI 3.0'),
  },
  'GET /docs': {
    id: 'docs',
    tag: 'system',
    summary: 'This document as a page',
    answers: { 200: { description: 'A page.', content: { 'text/html': { schema: text('HTML') } } } },
  },
}
