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

_SHARED: Final = """
local P = KEYS[1]
local STREAM, FENCES, READY, LATER = P..'stream', P..'fences', P..'ready', P..'later'
local OFFERED, LEASES, RUNNING, GONE = P..'offered', P..'leases', P..'running', P..'gone'
local GROUP, KEPT_US = 'engines', 600000000
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

local function let_go(place, key)
  if call('ZREM', LEASES, place) == 0 then call('ZREM', LATER, place) end
  if key then
    if call('HGET', RUNNING, key) == place then call('HDEL', RUNNING, key) end
  else
    call('ZREM', READY, place)
  end
end

-- forgets jobs; what they leave behind is looked at once for each key
local function erase(ids)
  local entries, names, keys = {}, {}, {}
  for _, id in ipairs(ids) do
    local job = P..'job:'..id
    local found = call('HMGET', job, 'place', 'key', 'entry')
    local place, key = found[1], found[2]
    if place then
      let_go(place, key)
      if key then
        call('ZREM', P..'key:'..key, place)
        keys[key] = true
      end
      entries[#entries + 1] = found[3]
      names[#names + 1] = job
    end
  end
  if #entries == 0 then return end
  call('XACK', STREAM, GROUP, unpack(entries))
  call('XDEL', STREAM, unpack(entries))
  call('DEL', unpack(names))
  call('HDEL', FENCES, unpack(ids))
  for key, _ in pairs(keys) do offer(key) end
end
"""

PLACE: Final = (
    _SHARED
    + """
local now, channel, queue, queues = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]

local function put_in_place(id, fence, tries, due, place, key, payload, enqueued)
  if call('ZSCORE', GONE, id) then return end
  local known = call('HGET', FENCES, id)
  if known and tonumber(known) >= fence then return end
  local job = P..'job:'..id
  if known then
    let_go(place, key)
    call('XACK', STREAM, GROUP, call('HGET', job, 'entry'))
    call('HSET', job, 'tries', tries)
  else
    local entry = call('XADD', STREAM, '*', 'id', id, 'payload', payload, 'enqueued', enqueued)
    if key then
      call('HSET', job, 'entry', entry, 'place', place, 'tries', tries, 'key', key)
    else
      call('HSET', job, 'entry', entry, 'place', place, 'tries', tries)
    end
  end
  call('HSET', FENCES, id, fence)
  if due <= now then
    stand_in_line(place, key)
  else
    call('ZADD', LATER, due, place)
    if key then
      -- a job that was delivered before holds its place while it waits for its next try
      if fence > 0 then call('ZADD', P..'key:'..key, 0, place) end
      offer(key)
    end
  end
end

if call('EXISTS', STREAM) == 0 then
  call('XGROUP', 'CREATE', STREAM, GROUP, '0', 'MKSTREAM')
  call('SADD', queues, queue)
end
for i = 5, #ARGV, 9 do
  local key = ARGV[i + 5] == '1' and ARGV[i + 6]
  local id, fence, tries, due, place = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4]
  put_in_place(id, fence, tries, due, place, key, ARGV[i + 7], ARGV[i + 8])
end
call('PUBLISH', channel, queue)
return 1
"""
)

FORGET: Final = (
    _SHARED
    + """
local now = tonumber(ARGV[1])
local ids, stamped = {}, {}
for i = 4, #ARGV do
  ids[#ids + 1] = ARGV[i]
  stamped[#stamped + 1] = now
  stamped[#stamped + 1] = ARGV[i]
end
erase(ids)
call('ZADD', GONE, unpack(stamped))
call('ZREMRANGEBYSCORE', GONE, '-inf', now - KEPT_US)
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
local popped = call('ZPOPMIN', READY, n)
for i = 1, #popped, 2 do
  local place = popped[i]
  local id = id_of(place)
  local job = P..'job:'..id
  local found = call('HMGET', job, 'key', 'entry', 'tries')
  local key, entry, tries = found[1], found[2], found[3]
  if key then
    call('HDEL', OFFERED, key)
    call('HSET', RUNNING, key, place)
  end
  call('ZADD', LEASES, until_us, place)
  local given = call('XCLAIM', STREAM, GROUP, consumer, 0, entry, 'RETRYCOUNT', tries + 1, 'FORCE')[1]
  if given then
    claimed[#claimed + 1] = {id, place, key, call('HGET', FENCES, id), tries, given[2]}
  else
    erase({id})
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
