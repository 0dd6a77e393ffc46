import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, loadConfig, parseBootstrapKeys } from '../../src/config.ts'

test('an empty environment gives the documented defaults', () => {
  const config = loadConfig({})
  assert.equal(config.port, 3000)
  assert.equal(config.host, '127.0.0.1')
  assert.equal(config.maxUploadBytes, 200 * 1024 * 1024)
  assert.equal(config.s3Bucket, 'audio-bucket')
  assert.equal(config.databaseUrl, undefined)
})

test('an empty variable counts as unset', () => {
  assert.equal(loadConfig({ PORT: '', DATABASE_URL: '' }).port, 3000)
})

test('every wrong value is listed at once, and secrets are not repeated', () => {
  const env = {
    PORT: 'eighty',
    LOG_LEVEL: 'loud',
    REDIS_URL: 'http://user:topsecret@host',
    MAX_DURATION_S: '0',
    UPLOAD_TIMEOUT_S: '1.5',
  }
  assert.throws(
    () => loadConfig(env),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(error.problems.map((problem) => problem.split(':')[0]).sort(), Object.keys(env).sort())
      assert.ok(!error.message.includes('topsecret'))
      return true
    },
  )
})

test('bootstrap keys are read, and a broken one stops the start without being shown', () => {
  assert.deepEqual(parseBootstrapKeys('acme=secret-key, ops=other-key:admin'), [
    { owner: 'acme', key: 'secret-key', role: 'user' },
    { owner: 'ops', key: 'other-key', role: 'admin' },
  ])
  assert.throws(
    () => loadConfig({ BOOTSTRAP_API_KEYS: 'acme=good-enough-key,acme:short' }),
    (error: unknown) =>
      error instanceof ConfigError && /entry 2/.test(error.message) && !error.message.includes('good'),
  )
})

test('an issuer without an audience, and a short session secret, stop the start', () => {
  for (const env of [
    { JWT_ISSUER: 'https://login.example' },
    { JWT_AUDIENCE: 'api' },
    { SESSION_SECRET: 'too short' },
  ]) {
    assert.throws(
      () => loadConfig(env),
      (error: unknown) =>
        error instanceof ConfigError && error.problems.length === 1 && !error.message.includes('too short'),
    )
  }
  assert.equal(loadConfig({ JWT_ISSUER: 'https://login.example', JWT_AUDIENCE: 'api' }).jwtOwnerClaim, 'sub')
})

test('half a direct route, and one whose answers nobody would take, stop the start with a sentence each', () => {
  const problemsOf = (env: Record<string, string>): readonly string[] => {
    try {
      loadConfig(env)
      return []
    } catch (error) {
      if (error instanceof ConfigError) return error.problems
      throw error
    }
  }
  const both = { ANALYSIS_SERVER_URL: 'http://analysis:8000/analyse', WEBHOOK_URL: 'https://api.example' }
  const secret = { WEBHOOK_SECRET: 'sixteen characters' }
  assert.deepEqual(problemsOf({ ...both, ...secret }), [])
  assert.deepEqual(problemsOf({ ...both, WEBHOOK_ALLOW_UNSIGNED_FROM: '10.0.0.5,10.1.0.0/16,::1' }), [])
  for (const [env, problem] of [
    [{ ...secret, WEBHOOK_URL: both.WEBHOOK_URL }, /one is set without the other/],
    [{ ...secret, ANALYSIS_SERVER_URL: both.ANALYSIS_SERVER_URL }, /one is set without the other/],
    [both, /set WEBHOOK_SECRET, or WEBHOOK_ALLOW_UNSIGNED_FROM/],
    [{ ...both, WEBHOOK_ALLOW_UNSIGNED_FROM: '10.0.0.5,10.0.0.300' }, /10\.0\.0\.300 is no IP address/],
    [{ ...both, ...secret, WEBHOOK_URL: 'https://api.example/?a=b' }, /without \? and #/],
    [{ ...both, ...secret, ANALYSIS_SERVER_URL: 'http://:bad' }, /ANALYSIS_SERVER_URL: is not a URL/],
  ] as const) {
    const problems = problemsOf(env)
    assert.equal(problems.length, 1, problems.join())
    assert.match(problems[0] ?? '', problem)
  }
})
