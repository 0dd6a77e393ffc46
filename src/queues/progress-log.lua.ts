/**
 * The scripts of the progress log. All keys of a call carry the owner's hash tag, so that they live in one slot.
 * They use nothing newer than Redis 6.2.
 */

/**
 * Opens the log under KEYS[1] (entries) and KEYS[2] (head: `<epoch> <last seq> <its mark>`), or starts it with a new
 * epoch. An entry's id in the stream is its position and its mark.
 */
const OPEN = `
local function open(newEpoch, ttl)
  local head = redis.call('GET', KEYS[2])
  local epoch, seq, mark = string.match(head or '', '^(%w+) (%d+) (%d+)$')
  if epoch then return epoch, tonumber(seq), mark end
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[2], newEpoch .. ' 0 0', 'EX', ttl)
  return newEpoch, 0, '0'
end
`

/**
 * Appends an entry and publishes it. ARGV, in every script that does: epoch for a new log, mark for what is appended,
 * channel, entries kept, TTL of the log in seconds.
 */
const APPEND = `${OPEN}
local epoch, seq, last

local function append(fields, text)
  if not epoch then epoch, seq, last = open(ARGV[1], ARGV[5]) end
  seq = seq + 1
  local place = string.format('%.0f', seq)
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], place .. '-' .. ARGV[2], unpack(fields))
  redis.call('SET', KEYS[2], epoch .. ' ' .. place .. ' ' .. ARGV[2], 'EX', ARGV[5])
  redis.call('PUBLISH', ARGV[3], epoch .. ' ' .. place .. ' ' .. ARGV[2] .. ' ' .. last .. ' ' .. text)
  last = ARGV[2]
end
`

/** KEYS: entries, head. ARGV as above, then the data. A job has another word for its id than `notification`. */
export const NOTIFY_SCRIPT = `${APPEND}
append({ 'notification', ARGV[6] }, 'notification ' .. ARGV[6])
redis.call('EXPIRE', KEYS[1], ARGV[5])
`

/**
 * KEYS: entries, head, the job's guard (`<attempt> <rank> <progress> <terminal>`).
 * ARGV as above, then the TTL of the guard in seconds; the event as job id, attempt, status, rank, progress, terminal
 * (0 or 1), data; then the seed in the same fields without the job id, if any.
 * Answers 1 appended, 0 known, -1 unknown.
 *
 * A higher rank with a lower progress (a row that fails keeps its own, older figure) is appended with the progress the
 * log has reached, in the data too: the first "progress": in JSON text is a key, as quotes in strings are escaped.
 */
export const PUBLISH_SCRIPT = `${APPEND}
local jobId = ARGV[7]

local function readEvent(at)
  return {
    attempt = tonumber(ARGV[at]), status = ARGV[at + 1], rank = tonumber(ARGV[at + 2]),
    progress = tonumber(ARGV[at + 3]), shown = ARGV[at + 3], terminal = ARGV[at + 4], data = ARGV[at + 5]
  }
end

local function readGuard()
  local text = redis.call('GET', KEYS[3])
  if not text then return nil end
  local attempt, rank, progress, terminal = string.match(text, '^(%S+) (%S+) (%S+) (%S+)$')
  return {
    attempt = tonumber(attempt), rank = tonumber(rank),
    progress = tonumber(progress), shown = progress, terminal = terminal
  }
end

local function isAhead(event, guard)
  if event.attempt ~= guard.attempt then return event.attempt > guard.attempt end
  if guard.terminal == '1' then return false end
  if event.rank ~= guard.rank then return event.rank > guard.rank end
  return event.progress > guard.progress
end

local function tell(event, guard)
  if guard and guard.attempt == event.attempt and event.progress < guard.progress then
    event.progress, event.shown = guard.progress, guard.shown
    event.data = string.gsub(event.data, '"progress":%s*[%d.]+', '"progress":' .. event.shown, 1)
  end
  append(
    { 'jobId', jobId, 'attempt', event.attempt, 'status', event.status, 'progress', event.shown, 'data', event.data },
    jobId .. ' ' .. event.attempt .. ' ' .. event.status .. ' ' .. event.shown .. ' ' .. event.data)
  redis.call('SET', KEYS[3], event.attempt .. ' ' .. event.rank .. ' ' .. event.shown .. ' ' .. event.terminal,
    'EX', ARGV[6])
  return event
end

local event, guard = readEvent(8), readGuard()
local seeded = false
if not guard then
  if not ARGV[14] then return -1 end
  local seed = readEvent(14)
  seeded = seed.attempt == event.attempt and seed.status == event.status and seed.progress == event.progress
  guard = tell(seed, nil)
end
if isAhead(event, guard) then
  tell(event, guard)
  seeded = true
end
if epoch then redis.call('EXPIRE', KEYS[1], ARGV[5]) end
return seeded and 1 or 0
`

/**
 * KEYS: entries, head. ARGV: epoch for a new log, TTL in seconds, then to read: the epoch and the position after which
 * to read, and the most entries. Answers the epoch, the last position and its mark, and, when the epoch is the same, the
 * entry at the position, if it is kept, and those after it.
 */
export const READ_SCRIPT = `${OPEN}
local epoch, seq, mark = open(ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
local entries = {}
if ARGV[3] == epoch and tonumber(ARGV[4]) < seq then
  entries = redis.call('XRANGE', KEYS[1], ARGV[4] .. '-0', '+', 'COUNT', ARGV[5] + 1)
end
return { epoch, string.format('%.0f', seq), mark, entries }
`
