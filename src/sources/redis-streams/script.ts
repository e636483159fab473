import { createHash } from 'node:crypto'

/** A Lua script, called by its digest. All keys of one call are in one hash slot. */
export interface Script {
  readonly text: string
  readonly sha: string
}

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/** Down to a length, what all groups have acknowledged. */
const TRIMMING = `
local function trim(length)
  local excess = redis.call('XLEN', KEYS[1]) - length
  if length == 0 or excess <= 0 then return end
  local function before(a, b)
    local am, as = string.match(a, '(%d+)-(%d+)')
    local bm, bs = string.match(b, '(%d+)-(%d+)')
    if #am ~= #bm then return #am < #bm end
    if am ~= bm then return am < bm end
    if #as ~= #bs then return #as < #bs end
    return as < bs
  end
  local least
  for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local group = {}
    for f = 1, #flat, 2 do group[flat[f]] = flat[f + 1] end
    local id = group['last-delivered-id']
    if group['pending'] > 0 then id = redis.call('XPENDING', KEYS[1], group['name'])[2] end
    if not least or before(id, least) then least = id end
  end
  if least then redis.call('XTRIM', KEYS[1], 'MINID', '~', least, 'LIMIT', excess) end
end`

/**
 * Adds messages to a partition, all or none, once: a publisher's batches are numbered, and one that is not later than the last
 * is left alone, whether it was sent again or arrives late. Where a length is given, what all groups have acknowledged is
 * trimmed down to it.
 *
 * KEYS stream, publisher · ARGV number, seconds for which a publisher is remembered, length or 0, then for each message how many
 * fields and values it has, and those
 */
export const ADD = script(`${TRIMMING}
local last = redis.call('GET', KEYS[2])
if last and tonumber(last) >= tonumber(ARGV[1]) then return 0 end
local i = 4
while i <= #ARGV do
  local n = tonumber(ARGV[i])
  redis.call('XADD', KEYS[1], '*', unpack(ARGV, i + 1, i + n))
  i = i + n + 1
end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
trim(tonumber(ARGV[3]))
return 1`)

/**
 * Trims by itself. A Redis that is full refuses what would be added before anything is trimmed, and would stay full for ever.
 *
 * KEYS stream · ARGV length
 */
export const TRIM = script(`${TRIMMING}
if redis.call('EXISTS', KEYS[1]) == 1 then trim(tonumber(ARGV[1])) end
return 1`)

/**
 * Presence of a member, and who else is there. Out of memory it is left alone: whoever holds a lease counts as present.
 *
 * KEYS members · ARGV member, ms
 */
export const MEET = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local added = redis.pcall('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
if type(added) == 'table' and added.err and not string.find(added.err, 'OOM') then return added end
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 10)
return redis.call('ZRANGE', KEYS[1], 0, -1)`)

/** Who has a lease; renews it if it is this one. KEYS lease · ARGV its value or '', ms */
export const LOOK = script(`
local value = redis.call('GET', KEYS[1])
if value and value == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return value`)

/** Takes a lease that nobody has. KEYS lease, token · ARGV member, ms */
export const TAKE = script(`
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
redis.call('DEL', KEYS[1]) -- a script that has written is not refused for want of memory: who reads makes room
local token = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. token, 'PX', ARGV[2])
return token`)

/** Gives a lease back. KEYS lease · ARGV its value */
export const RELEASE = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`)

const FENCE = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return redis.error_reply('FENCED the partition has another owner') end`

/**
 * Makes the group where it is missing, and gives everything that was handed out and not acknowledged to its one consumer, so
 * that it comes first. Returns what was handed out last, and whether the group was made.
 *
 * KEYS stream, lease · ARGV lease, group, consumer, where a new group begins
 */
export const OPEN = script(`${FENCE}
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[2], ARGV[4], 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP') then
  local known = false
  if redis.call('EXISTS', KEYS[1]) == 1 then
    for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
      for f = 1, #flat, 2 do known = known or (flat[f] == 'name' and flat[f + 1] == ARGV[2]) end
    end
  end
  if not known then return made end -- without memory it is refused before that is seen
end
local cursor = '0-0'
repeat
  local claimed = redis.call('XAUTOCLAIM', KEYS[1], ARGV[2], ARGV[3], 0, cursor, 'COUNT', 1000, 'JUSTID')
  cursor = claimed[1]
until cursor == '0-0'
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for f = 1, #flat, 2 do group[flat[f]] = flat[f + 1] end
  if group['name'] == ARGV[2] then return {group['last-delivered-id'], made.ok and 1 or 0} end
end
return redis.error_reply('NOGROUP')`)

/**
 * The next messages for whoever holds the lease, and for nobody else: one who has lost it takes none away. Those that were
 * handed out before (ARGV from is an id) come with how often.
 *
 * KEYS stream, lease · ARGV lease, group, consumer, from, count
 */
export const FETCH = script(`${FENCE}
local reply = redis.call('XREADGROUP', 'GROUP', ARGV[2], ARGV[3], 'COUNT', ARGV[5], 'STREAMS', KEYS[1], ARGV[4])
if not reply then return {{}} end
local entries = reply[1][2]
if ARGV[4] == '>' or #entries == 0 then return {entries} end
local counts = {}
local first, last = entries[1][1], entries[#entries][1]
for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[2], first, last, #entries, ARGV[3])) do
  counts[#counts + 1] = pending[1]
  counts[#counts + 1] = pending[4]
end
return {entries, counts}`)

/**
 * Where the database remembers what was read the group follows it, for lag and for trimming. How many entries that makes is
 * known while nobody else moves it, and again once the end is reached.
 *
 * KEYS stream, lease · ARGV lease, group, id, how many messages further that is, the id before ('0-0': the beginning)
 */
export const FOLLOW = script(`${FENCE}
local function named(flat)
  local fields = {}
  for f = 1, #flat, 2 do fields[flat[f]] = flat[f + 1] end
  return fields
end
local at, read
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = named(flat)
  if group['name'] == ARGV[2] then
    at = group['last-delivered-id']
    read = group['entries-read']
  end
end
if at == ARGV[3] then return 0 end
if read and at == ARGV[5] then
  read = read + ARGV[4]
else
  read = nil
  local stream = named(redis.call('XINFO', 'STREAM', KEYS[1]))
  local added = stream['entries-added']
  local last = stream['last-entry']
  if added and last and last[1] == ARGV[3] then
    read = added
  elseif added and at == ARGV[5] and at == '0-0' then
    read = added - stream['length'] + ARGV[4]
  end
end
if read then return redis.call('XGROUP', 'SETID', KEYS[1], ARGV[2], ARGV[3], 'ENTRIESREAD', read) end
return redis.call('XGROUP', 'SETID', KEYS[1], ARGV[2], ARGV[3])`)

/**
 * How far behind a group is: messages handed out and not acknowledged, those not handed out (-1: Redis does not know), the
 * oldest of either, how many the stream has, its first and last, and what was handed out last.
 *
 * KEYS stream · ARGV group
 */
export const LAG = script(`
local result
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for f = 1, #flat, 2 do group[flat[f]] = flat[f + 1] end
  if group['name'] == ARGV[1] then
    local behind = group['last-delivered-id']
    local oldest = ''
    if group['pending'] > 0 then
      oldest = redis.call('XPENDING', KEYS[1], ARGV[1])[2]
    else
      local after = redis.call('XRANGE', KEYS[1], '(' .. behind, '+', 'COUNT', 1)
      if #after > 0 then oldest = after[1][1] end
    end
    local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
    local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
    local time = redis.call('TIME')
    result = {
      group['pending'], group['lag'] or -1, oldest, redis.call('XLEN', KEYS[1]),
      #first > 0 and first[1][1] or '', #last > 0 and last[1][1] or '', behind,
      time[1] .. string.format('%03d', math.floor(time[2] / 1000))
    }
  end
end
return result or {}`)
