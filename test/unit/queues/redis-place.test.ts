import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRedisUrl } from '../../../src/queues/redis-place.ts'

test('one host is one server, and its URL stays as it is', () => {
  const place = parseRedisUrl('redis://user:p%40ss@cache.example:6380/2?family=6')
  assert.deepEqual(place.urls, ['redis://user:p%40ss@cache.example:6380/2?family=6'])
  assert.deepEqual([place.nodes, place.tls, place.username, place.password], [[], false, 'user', 'p@ss'])
})

test('several hosts are nodes of a cluster, with the usual port where none is named', () => {
  const place = parseRedisUrl('rediss://:secret@one:7000,two, [::1]:7002')
  assert.deepEqual(place.nodes, [
    { host: 'one', port: 7000 },
    { host: 'two', port: 6379 },
    { host: '::1', port: 7002 },
  ])
  assert.deepEqual([place.tls, place.username, place.password], [true, undefined, 'secret'])
  assert.deepEqual(place.urls.slice(0, 2), ['rediss://:secret@one:7000', 'rediss://:secret@two'])
})

test('what is no URL is said', () => {
  assert.throws(() => parseRedisUrl('redis://one:70000'), /Invalid URL/)
})
