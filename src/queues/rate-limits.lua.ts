/**
 * The script of the limits: it looks at everything, then takes everything or nothing. A bucket is `<level> <at, µs>`
 * under one key, which expires when it would be full: no key is a full bucket. The clock is Redis' own.
 *
 * KEYS: the request bucket, the byte bucket, the leases (by when they end, in ms).
 * ARGV: per bucket cost, level needed, rate per second, size (rate 0: not looked at); then the most leases (0: not
 * looked at), their TTL in ms, and the leases to add.
 * Answers what refused (0 nothing, 1 requests, 2 bytes, 3 leases) and the two levels as they are now.
 */
export const TAKE_SCRIPT = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local buckets, refused = {}, 0
for i = 1, 2 do
  local at = (i - 1) * 4
  local bucket = { cost = tonumber(ARGV[at + 1]), need = tonumber(ARGV[at + 2]), rate = tonumber(ARGV[at + 3]),
    size = tonumber(ARGV[at + 4]), level = 0 }
  if bucket.rate > 0 then
    bucket.level = bucket.size
    local text = redis.call('GET', KEYS[i])
    if text then
      local level, since = string.match(text, '^(%S+) (%S+)$')
      local elapsed = math.max(0, now - tonumber(since))
      bucket.level = math.min(bucket.size, tonumber(level) + elapsed / 1000000 * bucket.rate)
    end
    if refused == 0 and bucket.level < bucket.need then refused = i end
  end
  buckets[i] = bucket
end

local most, ttl = tonumber(ARGV[9]), tonumber(ARGV[10])
local nowMs = math.floor(now / 1000)
if most > 0 and refused == 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', nowMs)
  if redis.call('ZCARD', KEYS[3]) >= most then refused = 3 end
end

if refused == 0 then
  for i = 1, 2 do
    local bucket = buckets[i]
    if bucket.rate > 0 and bucket.cost ~= 0 then
      bucket.level = math.min(bucket.size, bucket.level - bucket.cost)
      local fullInMs = math.ceil((bucket.size - bucket.level) / bucket.rate * 1000) + 1
      redis.call('SET', KEYS[i], string.format('%.6f %.0f', bucket.level, now), 'PX', string.format('%.0f', fullInMs))
    end
  end
  for i = 11, #ARGV do redis.call('ZADD', KEYS[3], nowMs + ttl, ARGV[i]) end
  if #ARGV > 10 then redis.call('PEXPIRE', KEYS[3], ttl) end
end
return { refused, string.format('%.6f', buckets[1].level), string.format('%.6f', buckets[2].level) }
`
