import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddressList, problemsOfAddresses } from '../../../src/domain/address-list.ts'

test('an address is found by itself, by its network and in its mapped form', () => {
  const list = parseAddressList('10.0.0.5, 10.1.0.0/16,::1,2001:db8::/32,::ffff:192.0.2.0/120')
  for (const address of ['10.0.0.5', '::ffff:10.0.0.5', '10.1.255.1', '::1', '2001:db8::7', '192.0.2.9']) {
    assert.equal(list.has(address), true, address)
  }
  for (const address of ['10.0.0.6', '10.2.0.0', '::2', '2001:db9::1', '192.0.3.1', 'localhost', '']) {
    assert.equal(list.has(address), false, address)
  }
})

test('without a list nobody is on it', () => {
  assert.equal(parseAddressList(undefined).has('127.0.0.1'), false)
})

test('what is no address is named, and lets nobody in', () => {
  assert.deepEqual(problemsOfAddresses('10.0.0.5,10.1,10.0.0.300,10.0.0.0/33,::g,1.2.3.4/8'), [
    '10.1',
    '10.0.0.300',
    '10.0.0.0/33',
    '::g',
  ])
  assert.equal(parseAddressList('10.1').has('10.0.0.1'), false)
})
