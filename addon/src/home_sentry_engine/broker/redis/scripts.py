"""The steps of the dispatch as Redis runs them: each one whole or not at all.

Keys of one queue, all below the prefix in ``KEYS[1]``:

* ``stream`` with the group ``engines``: one entry per job with what never changes of it. The group's pending entries
  say who has which job in hand: a claim gives an entry to its consumer, the end of a delivery acknowledges it.
* ``jobs``: by id the job's stream entry, place, tries and key; ``fences``: the fence by id.
* ``ready``: places that may be claimed now, in order; ``later``: places by the time when they become due.
* ``key:<key>``: all places of a key that stand in line; ``offered``: the one of them that is in ``ready``.
* ``leases``: places by the end of their lease; ``running``: the running place by key.
* ``lines``: by key and priority the turns of all jobs; ``turns``: the one before the newest claimed, by rank.
* ``gone``: ids of finished jobs by time, so that late news cannot bring one back.

A place is ``<rank>:<turn>:<id>`` with leading zeros, the rank being 1e9 - priority: as text it sorts in the order of
the queue. What comes and goes in numbers is one JSON text, and what a script does to many jobs are few commands with
many fields: each command and each field of a reply costs more than the work behind it.
"""

from typing import Final

_SHARED: Final = """
local P = KEYS[1]
local STREAM, JOBS, FENCES, READY, LATER = P..'stream', P..'jobs', P..'fences', P..'ready', P..'later'
local OFFERED, LEASES, RUNNING, GONE = P..'offered', P..'leases', P..'running', P..'gone'
local LINES, TURNS = P..'lines', P..'turns'
local GROUP, KEPT_US = 'engines', 600000000
local call = redis.call

local function id_of(place) return string.match(place, ':0*(%d+)$') end

local function push(list, one, two)
  local n = #list
  list[n + 1] = one
  if two then list[n + 2] = two end
end

-- runs a command with many fields, if there are any
local function many(command, key, fields)
  if #fields > 0 then return call(command, key, unpack(fields)) end
  return {}
end

local function record_of(entry, place, tries, key)
  return entry..' '..place..' '..tries..(key and ' '..key or '')
end

-- gives entry, place, tries and key of a job's record
local function parts_of(record)
  local entry, place, tries, rest = string.match(record, '^(%S+) (%S+) (%d+)(.*)$')
  return entry, place, tries, rest ~= '' and string.sub(rest, 2)
end

-- names the line that a job stands in, so that no name is the beginning of another
local function line_of(rank, key) return rank..':'..(key and #key..':'..key or '')..'|' end

-- names a place's turn in its line
local function stand_of(place, key) return line_of(string.sub(place, 1, 10), key)..string.sub(place, 12, 23) end

-- puts the first job of each key among the ready ones, unless a job of the key runs or the first one has to wait
local function offer(touched)
  local keys, firsts, waiting = {}, {}, {}
  for key, _ in pairs(touched) do keys[#keys + 1] = key end
  local running, offered = many('HMGET', RUNNING, keys), many('HMGET', OFFERED, keys)
  for i, key in ipairs(keys) do
    local first = not running[i] and call('ZRANGE', P..'key:'..key, 0, 0)[1] or false
    firsts[i] = first
    if first then waiting[#waiting + 1] = first end
  end
  local due = many('ZMSCORE', LATER, waiting)
  local back, cleared, ready, chosen, at = {}, {}, {}, {}, 0
  for i, key in ipairs(keys) do
    local first = firsts[i]
    if first then
      at = at + 1
      if due[at] then first = false end
    end
    if offered[i] ~= first then
      if offered[i] then push(back, offered[i]) end
      if first then
        push(ready, 0, first)
        push(chosen, key, first)
      else
        push(cleared, key)
      end
    end
  end
  many('ZREM', READY, back)
  many('HDEL', OFFERED, cleared)
  many('ZADD', READY, ready)
  many('HSET', OFFERED, chosen)
end

-- forgets jobs
local function erase(ids)
  local records = many('HMGET', JOBS, ids)
  local entries, places, single, keyed, keys, touched, over, stands = {}, {}, {}, {}, {}, {}, {}, {}
  for i = 1, #ids do
    if records[i] then
      local entry, place, _, key = parts_of(records[i])
      push(entries, entry)
      push(places, place)
      push(stands, stand_of(place, key))
      if key then
        push(keys, key)
        push(keyed, place)
        touched[key] = true
        call('ZREM', P..'key:'..key, place)
      else
        push(single, place)
      end
    end
  end
  many('HDEL', FENCES, ids)
  if #entries == 0 then return end
  for i, place in ipairs(many('HMGET', RUNNING, keys)) do
    if place == keyed[i] then push(over, keys[i]) end
  end
  many('HDEL', RUNNING, over)
  many('ZREM', LEASES, places)
  many('ZREM', LATER, places)
  many('ZREM', LINES, stands)
  many('ZREM', READY, single)
  call('XACK', STREAM, GROUP, unpack(entries))
  many('XDEL', STREAM, entries)
  many('HDEL', JOBS, ids)
  offer(touched)
end
"""

PLACE: Final = (
    _SHARED
    + """
local now, channel, queue, queues = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local rows, ids, known = cjson.decode(ARGV[5]), {}, {}
local fences, records, ready, later, touched, stands, lasts = {}, {}, {}, {}, {}, {}, {}

-- gives a new job the turn after the last one of its line, and at least the one before the newest that was claimed
local function turn_of(rank, key)
  local line = line_of(rank, key)
  local last = lasts[line]
  if not last then
    local found = call('ZRANGE', LINES, '['..line..'~', '['..line, 'BYLEX', 'REV', 'LIMIT', 0, 1)[1]
    last = found and tonumber(string.sub(found, -12)) or -1
  end
  local turn = math.max(last + 1, tonumber(call('HGET', TURNS, rank) or 0))
  lasts[line] = turn
  return string.format('%012d', turn)
end

local function commit()
  many('ZADD', LINES, stands)
  stands = {}
  many('HSET', FENCES, fences)
  many('HSET', JOBS, records)
  many('ZADD', READY, ready)
  many('ZADD', LATER, later)
  offer(touched)
  fences, records, ready, later, touched = {}, {}, {}, {}, {}
end

-- takes back what an earlier delivery of the job left; gives its stream entry and its place
local function let_go(id, key)
  commit()
  local record = call('HGET', JOBS, id)
  if not record then return end
  local entry, place = parts_of(record)
  many('ZREM', LEASES, {place})
  many('ZREM', LATER, {place})
  if not key then
    call('ZREM', READY, place)
  elseif call('HGET', RUNNING, key) == place then
    call('HDEL', RUNNING, key)
  end
  call('XACK', STREAM, GROUP, entry)
  return entry, place
end

local function put_in_place(id, fence, tries, due, rank, key, payload, enqueued)
  if known[id] and known[id] >= fence then return end
  local entry, place
  if known[id] then entry, place = let_go(id, key) end
  if not place then
    place = rank..':'..turn_of(rank, key)..':'..string.rep('0', 19 - #id)..id
    push(stands, 0, stand_of(place, key))
  end
  entry = entry or call('XADD', STREAM, '*', 'id', id, 'payload', payload, 'enqueued', enqueued)
  known[id] = fence
  push(fences, id, fence)
  push(records, id, record_of(entry, place, tries, key))
  if due > now then push(later, due, place) end
  if key then
    touched[key] = true
    -- a job that was delivered before holds its place while it waits for its next try
    if due <= now or fence > 0 then call('ZADD', P..'key:'..key, 0, place) end
  elseif due <= now then
    push(ready, 0, place)
  end
end

if call('EXISTS', STREAM) == 0 then
  call('XGROUP', 'CREATE', STREAM, GROUP, '0', 'MKSTREAM')
  call('SADD', queues, queue)
end
for i, row in ipairs(rows) do ids[i] = row[1] end
local gone = many('ZMSCORE', GONE, ids)
for i, fence in ipairs(many('HMGET', FENCES, ids)) do known[ids[i]] = fence and tonumber(fence) end
for i, row in ipairs(rows) do
  if not gone[i] then put_in_place(unpack(row)) end
end
commit()
call('PUBLISH', channel, queue)
return 1
"""
)

FORGET: Final = (
    _SHARED
    + """
local now, ids, stamped = tonumber(ARGV[1]), cjson.decode(ARGV[4]), {}
for _, id in ipairs(ids) do push(stamped, now, id) end
erase(ids)
many('ZADD', GONE, stamped)
call('ZREMRANGEBYSCORE', GONE, '-inf', now - KEPT_US)
call('PUBLISH', ARGV[2], ARGV[3])
return 1
"""
)

CLAIM: Final = (
    _SHARED
    + """
local now, until_us, n, consumer = ARGV[1], ARGV[2], math.min(tonumber(ARGV[3]), 1000), ARGV[4]

local function ids_of(places)
  local ids = {}
  for i, place in ipairs(places) do ids[i] = id_of(place) end
  return ids
end

-- lets the jobs that have become due stand in line
local due = call('ZRANGE', LATER, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1000)
while #due > 0 do
  local ready, touched = {}, {}
  many('ZREM', LATER, due)
  for i, record in ipairs(many('HMGET', JOBS, ids_of(due))) do
    local _, place, _, key = parts_of(record or '- '..due[i]..' 0')
    if key then
      call('ZADD', P..'key:'..key, 0, place)
      touched[key] = true
    else
      push(ready, 0, place)
    end
  end
  many('ZADD', READY, ready)
  offer(touched)
  due = call('ZRANGE', LATER, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1000)
end

local over, expired = ids_of(call('ZRANGE', LEASES, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1000)), {}
for i, fence in ipairs(many('HMGET', FENCES, over)) do expired[i] = {over[i], fence} end
if #expired > 0 then return {expired, '[]', false, 0} end

local popped, places, leases, running, taken = n > 0 and call('ZPOPMIN', READY, n) or {}, {}, {}, {}, {}
for i = 1, #popped, 2 do
  push(places, popped[i])
  push(leases, until_us, popped[i])
end
local ids, by_tries, jobs, newest, turns = ids_of(places), {}, {}, {}, {}
local fences = many('HMGET', FENCES, ids)
for i, record in ipairs(many('HMGET', JOBS, ids)) do
  if record then
    local entry, place, tries, key = parts_of(record)
    jobs[i] = {entry, ids[i], place, key, fences[i], tries}
    -- the last one of a rank has its newest turn
    newest[string.sub(place, 1, 10)] = tonumber(string.sub(place, 12, 23)) - 1
    by_tries[tries] = by_tries[tries] or {}
    push(by_tries[tries], entry)
    if key then
      push(taken, key)
      push(running, key, place)
    end
  end
end
many('HDEL', OFFERED, taken)
many('HSET', RUNNING, running)
many('ZADD', LEASES, leases)
for rank, turn in pairs(newest) do
  if turn > tonumber(call('HGET', TURNS, rank) or 0) then push(turns, rank, string.format('%d', turn)) end
end
many('HSET', TURNS, turns)
local given = {}
for tries, entries in pairs(by_tries) do
  push(entries, 'RETRYCOUNT', tries + 1)
  push(entries, 'FORCE')
  for _, found in ipairs(call('XCLAIM', STREAM, GROUP, consumer, 0, unpack(entries))) do given[found[1]] = found[2] end
end
local claimed, broken = {}, {}
for i, id in ipairs(ids) do
  local job = jobs[i]
  local fields = job and given[job[1]]
  if fields then
    push(claimed, {id, job[3], job[4], job[5], job[6], fields[4], fields[6]})
  else
    push(broken, id)
  end
end
if #broken > 0 then
  many('ZREM', LEASES, places)
  erase(broken)
  leases = {}
  for _, job in ipairs(claimed) do push(leases, until_us, job[2]) end
  many('ZADD', LEASES, leases)
end
local coming = false
if #claimed == 0 then
  for _, times in ipairs({LATER, LEASES}) do
    local first = call('ZRANGE', times, 0, 0, 'WITHSCORES')[2]
    if first and (not coming or tonumber(first) < tonumber(coming)) then coming = first end
  end
end
return {expired, #claimed > 0 and cjson.encode(claimed) or '[]', coming, #broken}
"""
)

EXTEND: Final = (
    _SHARED
    + """
local id, fence, until_us, consumer = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local record = call('HGET', JOBS, id)
if not record then return 0 end
local entry, place = parts_of(record)
if call('HGET', FENCES, id) ~= fence or not call('ZSCORE', LEASES, place) then return 0 end
call('ZADD', LEASES, 'XX', until_us, place)
call('XCLAIM', STREAM, GROUP, consumer, 0, entry, 'JUSTID')
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
