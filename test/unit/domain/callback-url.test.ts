import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkCallbackUrl, isPublicAddress } from '../../../src/domain/callback-url.ts'

const NOT_PUBLIC = [
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '100.100.100.200',
  '127.0.0.1',
  '127.255.0.9',
  '168.63.129.16',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '::ffff:0:10.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b::808:808',
  '64:ff9b:1::a00:1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '3fff::1',
  '4000::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  'not an address',
  '',
]

test('only global unicast addresses are public', () => {
  for (const address of NOT_PUBLIC) assert.equal(isPublicAddress(address), false, address)
  for (const address of ['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700::1111', '2a00:1450:4001::200e']) {
    assert.equal(isPublicAddress(address), true, address)
  }
})

test('https on a port that clients serve on may be called', () => {
  for (const url of [
    'https://client.example/hook?x=1',
    'https://client.example:80/',
    'https://client.example:443/',
    'https://client.example:8080/',
    'https://client.example:8443/',
    'https://client.example.:50000/',
    'https://8.8.8.8/',
    'https://[2606:4700::1111]/',
    'https://bücher.example/',
  ]) {
    assert.equal(checkCallbackUrl(url), undefined, url)
  }
})

test('an address that is not public is refused in every spelling', () => {
  const odd = [
    '0x7f.1',
    '2130706433',
    '127.1',
    '0177.0.0.1',
    '0x7f000001',
    '127.0.0.1.',
    '①②⑦.0.0.1',
    '%31%32%37.1',
    '0',
  ]
  const hosts = [...odd, '[::ffff:7f00:1]', '[::1]', '[fe80::1]', '10.0.0.1', '169.254.169.254', '[64:ff9b::7f00:1]']
  for (const host of hosts) assert.match(checkCallbackUrl(`https://${host}/`) ?? '', /not public|not a URL/, host)
})

test('other schemes, other ports, credentials and names of an inner network are refused with a reason', () => {
  for (const [url, reason] of [
    ['http://client.example/', /https/],
    ['ftp://client.example/', /https/],
    ['file:///etc/passwd', /https/],
    ['gopher://client.example/', /https/],
    ['nonsense', /not a URL/],
    ['https://', /not a URL/],
    ['https://client.example:22/', /port/],
    ['https://client.example:25/', /port/],
    ['https://client.example:1024/', /port/],
    ['https://user@client.example/', /user name/],
    ['https://user:secret@client.example/', /user name/],
    ['https://localhost/', /not public/],
    ['https://a.localhost./', /not public/],
    ['https://printer.local/', /not public/],
    ['https://metadata.google.internal/', /not public/],
    ['https://redis/', /not public/],
  ] as const) {
    assert.match(checkCallbackUrl(url) ?? '', reason, url)
  }
})

test('the switch for tests opens this machine alone', () => {
  const rules = { allowLoopback: true }
  for (const url of ['http://127.0.0.1:3456/', 'http://localhost:99/', 'http://[::1]:8080/', 'https://127.1/']) {
    assert.equal(checkCallbackUrl(url, rules), undefined, url)
  }
  for (const url of ['http://client.example/', 'http://10.0.0.1/', 'https://169.254.169.254/', 'http://u@127.0.0.1/']) {
    assert.ok(checkCallbackUrl(url, rules), url)
  }
})
