"""The steps of the dispatch as Redis runs them: each one whole or not at all.

Keys of one queue, all below the prefix in ``KEYS[1]``:

* ``stream`` with the group ``engines``: one entry per job with what never changes of it. The group's pending entries
  say who has which job in hand: a claim gives an entry to its consumer, the end of a delivery acknowledges it.
* ``job:<id>``: the job's place, stream entry, key and tries; ``fences``: the fence by id.
* ``ready``: places that may be claimed now, in order; ``later``: places by the time when they become due.
* ``key:<key>``: all places of a key that stand in line; ``offered``: the one of them that is in ``ready``.
* ``leases``: places by the end of their lease; ``running``: the running place by key.
* ``gone``: ids of finished jobs by time, so that late news cannot bring one back.

A place is ``<1e9 - priority>:<id>`` with leading zeros: as text it sorts in the order of the queue.
"""

from typing import Final

GROUP: Final = "engines"
GONE_US: Final = 600_000_000

_SHARED: Final = f"""
local P = KEYS[1]
local STREAM, FENCES, READY, LATER = P..'stream', P..'fences', P..'ready', P..'later'
local OFFERED, LEASES, RUNNING, GONE = P..'offered', P..'leases', P..'running', P..'gone'
local GROUP = '{GROUP}'
local call = redis.call

local function id_of(place) return string.match(place, ':0*(%d+)$') end

-- puts the first job of a key among the ready ones, unless a job of the key runs or the first one has to wait
local function offer(key)
  local first = call('ZRANGE', P..'key:'..key, 0, 0)[1] or false
  if call('HEXISTS', RUNNING, key) == 1 then first = false end
  if first and call('ZSCORE', LATER, first) then first = false end
  local offered = call('HGET', OFFERED, key)
  if offered == first then return end
  if offered then
    call('ZREM', READY, offered)
    call('HDEL', OFFERED, key)
  end
  if first then
    call('ZADD', READY, 0, first)
    call('HSET', OFFERED, key, first)
  end
end

local function stand_in_line(place, key)
  if key then
    call('ZADD', P..'key:'..key, 0, place)
    offer(key)
  else
    call('ZADD', READY, 0, place)
  end
end

local function let_go(place, key, entry)
  call('ZREM', LEASES, place)
  call('ZREM', LATER, place)
  if key then
    if call('HGET', RUNNING, key) == place then call('HDEL', RUNNING, key) end
  else
    call('ZREM', READY, place)
  end
  call('XACK', STREAM, GROUP, entry)
end

local function erase(id)
  local job = P..'job:'..id
  local place = call('HGET', job, 'place')
  if not place then return end
  local key, entry = call('HGET', job, 'key'), call('HGET', job, 'entry')
  let_go(place, key, entry)
  if key then
    call('ZREM', P..'key:'..key, place)
    offer(key)
  end
  call('XDEL', STREAM, entry)
  call('DEL', job)
  call('HDEL', FENCES, id)
end
"""

PLACE: Final = (
    _SHARED
    + """
local now, id, fence, tries, due = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local place, keyed, key, payload, enqueued = ARGV[6], ARGV[7] == '1', ARGV[8], ARGV[9], ARGV[10]
if not keyed then key = false end
if call('ZSCORE', GONE, id) then return 0 end
local known = call('HGET', FENCES, id)
if known and tonumber(known) >= fence then return 0 end
local job = P..'job:'..id
if known then
  let_go(place, key, call('HGET', job, 'entry'))
else
  if call('EXISTS', STREAM) == 0 then call('XGROUP', 'CREATE', STREAM, GROUP, '0', 'MKSTREAM') end
  local entry = call('XADD', STREAM, '*', 'id', id, 'payload', payload, 'enqueued', enqueued)
  call('HSET', job, 'entry', entry, 'place', place)
  if keyed then call('HSET', job, 'key', key) end
end
call('HSET', job, 'tries', tries)
call('HSET', FENCES, id, fence)
if due <= now then
  stand_in_line(place, key)
else
  call('ZADD', LATER, due, place)
  if keyed then
    -- a job that was delivered before holds its place while it waits for its next try
    if fence > 0 then call('ZADD', P..'key:'..key, 0, place) end
    offer(key)
  end
end
call('SADD', ARGV[13], ARGV[12])
call('PUBLISH', ARGV[11], ARGV[12])
return 1
"""
)

FORGET: Final = (
    _SHARED
    + f"""
local now = tonumber(ARGV[1])
for i = 4, #ARGV do
  erase(ARGV[i])
  call('ZADD', GONE, now, ARGV[i])
end
call('ZREMRANGEBYSCORE', GONE, '-inf', now - {GONE_US})
call('PUBLISH', ARGV[2], ARGV[3])
return 1
"""
)

CLAIM: Final = (
    _SHARED
    + """
local now, until_us, n, consumer = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local due = call('ZRANGE', LATER, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1000)
while #due > 0 do
  for _, place in ipairs(due) do
    call('ZREM', LATER, place)
    stand_in_line(place, call('HGET', P..'job:'..id_of(place), 'key'))
  end
  due = call('ZRANGE', LATER, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1000)
end
local expired = {}
for _, place in ipairs(call('ZRANGE', LEASES, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1000)) do
  local id = id_of(place)
  expired[#expired + 1] = {id, call('HGET', FENCES, id)}
end
if #expired > 0 then return {expired, {}, false, 0} end
local claimed, broken = {}, 0
for _, place in ipairs(n > 0 and call('ZRANGE', READY, 0, n - 1) or {}) do
  local id = id_of(place)
  local job = P..'job:'..id
  local key, entry = call('HGET', job, 'key'), call('HGET', job, 'entry')
  call('ZREM', READY, place)
  if key then
    call('HDEL', OFFERED, key)
    call('HSET', RUNNING, key, place)
  end
  call('ZADD', LEASES, until_us, place)
  local tries = call('HGET', job, 'tries')
  local given = call('XCLAIM', STREAM, GROUP, consumer, 0, entry, 'RETRYCOUNT', tries + 1, 'FORCE')[1]
  if given then
    claimed[#claimed + 1] = {id, place, key, call('HGET', FENCES, id), tries, given[2]}
  else
    erase(id)
    broken = broken + 1
  end
end
local coming = false
if #claimed == 0 then
  for _, times in ipairs({LATER, LEASES}) do
    local first = call('ZRANGE', times, 0, 0, 'WITHSCORES')[2]
    if first and (not coming or tonumber(first) < tonumber(coming)) then coming = first end
  end
end
return {expired, claimed, coming, broken}
"""
)

EXTEND: Final = (
    _SHARED
    + """
local id, fence, until_us, consumer = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local job = P..'job:'..id
local place = call('HGET', job, 'place')
if not place or call('HGET', FENCES, id) ~= fence or not call('ZSCORE', LEASES, place) then return 0 end
call('ZADD', LEASES, 'XX', until_us, place)
call('XCLAIM', STREAM, GROUP, consumer, 0, call('HGET', job, 'entry'), 'JUSTID')
return 1
"""
)

HOLDERS: Final = (
    _SHARED
    + """
local now = ARGV[1]
local running, expired = {}, {}
for _, place in ipairs(call('ZRANGE', LEASES, '('..now, '+inf', 'BYSCORE')) do running[#running + 1] = id_of(place) end
for _, place in ipairs(call('ZRANGE', LEASES, '-inf', now, 'BYSCORE')) do
  local id = id_of(place)
  expired[#expired + 1] = {id, call('HGET', FENCES, id)}
end
return {running, expired, call('ZCOUNT', LATER, '('..now, '+inf')}
"""
)

IN_HAND: Final = (
    _SHARED
    + """
local consumer, found = ARGV[1], {}
if call('EXISTS', STREAM) == 0 then return found end
for _, pending in ipairs(call('XPENDING', STREAM, GROUP, '-', '+', 10000, consumer)) do
  local entry = call('XRANGE', STREAM, pending[1], pending[1])[1]
  if entry then
    local id = entry[2][2]
    found[#found + 1] = {id, call('HGET', FENCES, id)}
  end
end
return found
"""
)
