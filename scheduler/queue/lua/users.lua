-- What the queue knows of users: the beginning of each script that moves ids.
-- KEYS: complete, first, users, loads, shares, turns, capped, wake, and how the lines of users
-- begin; lanes, places, and how the keys of lanes begin; then those of the script. keys.py says what
-- each is.
--
-- A user's place in `users` is a score: his level, then his turn. The level is his load, which is
-- how many of his ids are in flight on all nodes, for his weight, in whole ids: below it, weights
-- would mean nothing where slots are few. Turns are virtual times, as in stride scheduling
-- (Waldspurger and Weihl, 1995): a start sets the user's turn to now and a step for his weight, and
-- now to the turn that he had. By a tick for each start, users of one weight have the order of their
-- last starts. Whatever changes one of these, or whether he has ids that wait, calls `place`.
-- Values that no node wrote count as absent, and a line of another type than ours is deleted.
--
-- Jobs that need labels wait in lanes, each with keys of its own for what waits: a script works on
-- one lane at a time, which it enters. Loads, shares and turns are those of all lanes together. Where
-- no job needs a label, there are none, and a script asks that once.
local complete, first, users, loads, shares, turns, capped, wake, lines = unpack(KEYS, 1, 9)
local lanes, places, lane_keys = unpack(KEYS, 10, 12)
local OWN = 12
local ANYWHERE, LANES_MAX = '', 128
-- A score is an integer below 2^53, which a double holds. A level that is greater counts as the
-- greatest. A newcomer comes before all who started in the last 2^16 turns, after other newcomers.
local TURN_MAX, LEVEL_MAX, STEP, NEWCOMER = 2 ^ 43, 2 ^ 10 - 1, 2 ^ 14, 2 ^ 30
local LOAD_MAX, REMEMBERED_MAX, WAKE_MAX = 2 ^ 30, 10000, 1000
local NOW = '' -- a member of `turns`, which is no user
local now, woken, turns_taken = nil, 0, {}

-- Most installations have neither shares nor capped users: then nobody needs to be looked for there.
local is_there = {}
local function exists(key)
    if is_there[key] == nil then is_there[key] = redis.call('EXISTS', key) == 1 end
    return is_there[key]
end

local function within(text, least, most)
    local number = tonumber(text)
    return number and number >= least and number <= most and number or nil
end

-- The lane on which this script works now; at first that of jobs that need no label.
local lane = ANYWHERE
local function enter(name)
    if name == lane then return end
    lane = name
    first, users, capped, lines = KEYS[2], KEYS[3], KEYS[7], KEYS[9]
    if name == ANYWHERE then return end
    local keys = lane_keys .. name .. ':'
    first, users, capped, lines = keys .. 'first', keys .. 'users', keys .. 'capped', keys .. 'jobs:'
end

local function is_lane(name)
    return #name <= 1024 and not string.find(name, '[^%w.,_=%-]')
end

-- Enter the lane of a line, which is named by its user, and '/' and the lane if there is one. Returns
-- the user.
local function enter_line(name)
    local uid, its_lane = string.match(name, '^([^/]*)/?(.*)$')
    enter(its_lane)
    return uid
end

-- The lanes in which something waits: all of them where there are no more than may be, and else others
-- each time, because a script that asked a thousand would keep all nodes waiting.
local function lanes_there()
    local found = {}
    if not exists(lanes) then return found end
    for _, name in ipairs(redis.call('SRANDMEMBER', lanes, LANES_MAX)) do
        if name ~= ANYWHERE and is_lane(name) then table.insert(found, name) end
    end
    return found
end

-- Note that ids wait in the lane that was entered.
local free_in_lanes = {}
local function note_lane(ids)
    if lane == ANYWHERE then return end
    redis.call('SADD', lanes, lane)
    is_there[lanes] = true
    free_in_lanes[lane] = (free_in_lanes[lane] or 0) + ids
end

-- Forget the lane that was entered, where nothing waits in it.
local function leave_if_empty()
    local waits = redis.call('EXISTS', first) + redis.call('EXISTS', users)
    if waits + redis.call('EXISTS', capped) == 0 then redis.call('SREM', lanes, lane) end
end

-- Whether a node with this place, its labels and what it only takes, runs the jobs of a lane.
local function takes(place_text, name)
    local labels, only = string.match(place_text, '^([^|]*)|([^|]*)$')
    if not labels then return false end
    labels, only = ',' .. labels .. ',', ',' .. only .. ','
    local wanted = only == ',,'
    for need in string.gmatch(name, '[^,]+') do
        if not string.find(labels, ',' .. need .. ',', 1, true) then return false end
        wanted = wanted or string.find(only, ',' .. need .. ',', 1, true) ~= nil
    end
    return wanted
end

-- What was there before stood for ids, so all are enqueued anew.
local function on_line(uid, command, ...)
    local answer = redis.pcall(command, lines .. uid, ...)
    if type(answer) ~= 'table' or not answer.err then return answer end
    if string.find(answer.err, 'WRONGTYPE', 1, true) then
        redis.call('DEL', lines .. uid, complete)
    end
    return redis.call(command, lines .. uid, ...)
end

-- An entry of a list is an id, then '/' and the user, then '/' and the lane where there is one; nodes
-- of earlier versions wrote the id alone.
-- What cannot be an id (see `is_id` in keys.py) is none; a user has at most 200 characters.
local function parsed(entry)
    local id, rest = string.match(entry, '^([0-9A-Za-z%-]+)(.*)$')
    if not id or #id > 64 or #rest > 2048 then return nil end
    if rest ~= '' and string.sub(rest, 1, 1) ~= '/' then return nil end
    local uid, its_lane = string.match(rest, '^/?([^/]*)/?(.*)$')
    if not is_lane(its_lane) then return nil end
    return id, uid, its_lane
end

local function share_of(uid)
    local share = exists(shares) and redis.call('HGET', shares, uid)
    if not share then return 1, LOAD_MAX, false end
    local weight, most = string.match(share, '^(%S+) (%S+)$')
    return within(weight, 0.001, 1000) or 1, within(most, 0, LOAD_MAX) or LOAD_MAX, true
end

-- The loads that were read or changed. They are written at the end, all with one command.
local known_loads, changed_loads = {}, {}
local function read_loads(uids)
    for begin = 1, #uids, 1000 do
        local last = math.min(begin + 999, #uids)
        local found = redis.call('HMGET', loads, unpack(uids, begin, last))
        for number = begin, last do
            local uid = uids[number]
            if not known_loads[uid] then
                known_loads[uid] = within(found[number - begin + 1], 1, LOAD_MAX) or 0
            end
        end
    end
end

local function load_of(uid)
    if not known_loads[uid] then read_loads({ uid }) end
    return known_loads[uid]
end

-- How many ids are in flight for all users, with what this script has changed.
local function all_loads()
    local sum = 0
    read_loads(redis.call('HKEYS', loads))
    for _, load in pairs(known_loads) do sum = sum + load end
    return sum
end

local function set_load(uid, load)
    known_loads[uid] = load > 0 and load <= LOAD_MAX and load or 0
    changed_loads[uid] = true
end

local function write_loads()
    local fields, ended = {}, {}
    for uid in pairs(changed_loads) do
        if known_loads[uid] > 0 then
            table.insert(fields, uid)
            table.insert(fields, known_loads[uid])
        else
            table.insert(ended, uid)
        end
    end
    for begin = 1, #fields, 1000 do
        redis.call('HSET', loads, unpack(fields, begin, math.min(begin + 999, #fields)))
    end
    for begin = 1, #ended, 1000 do
        redis.call('HDEL', loads, unpack(ended, begin, math.min(begin + 999, #ended)))
    end
    changed_loads = {}
end

local function virtual_now()
    now = now or math.floor(within(redis.call('ZSCORE', turns, NOW), 0, TURN_MAX) or NEWCOMER)
    return now
end

-- A newcomer keeps the turn with which he came.
local function turn_of(uid)
    local turn = turns_taken[uid] or within(redis.call('ZSCORE', turns, uid), 0, TURN_MAX - 1)
    if turn then return math.floor(turn) end
    local score = within(redis.call('ZSCORE', users, uid), 0, 2 ^ 53)
    if score then return score % TURN_MAX end
    return math.max(0, virtual_now() - NEWCOMER)
end

-- Put a user of whom so many ids wait where he belongs now, or take him away: none waits, or he runs
-- as much as he may. Returns his score where he has one.
local function place(uid, load, ids)
    local weight, most, is_kept = share_of(uid)
    if ids > 0 and load < most then
        local level = math.min(LEVEL_MAX, math.floor(load / weight))
        local score = level * TURN_MAX + turn_of(uid)
        local added = redis.call('ZADD', users, score, uid)
        if added == 1 and exists(capped) then redis.call('SREM', capped, uid) end
        if added == 1 and lane ~= ANYWHERE then
            note_lane(math.min(ids, most - load))
        else
            woken = woken + added * math.min(ids, most - load)
        end
        return score
    elseif ids > 0 then
        redis.call('ZREM', users, uid)
        redis.call('SADD', capped, uid)
        is_there[capped] = true
    else
        -- Who has none that wait is placed with his next one, whatever he runs.
        if exists(capped) then redis.call('SREM', capped, uid) end
        if load == 0 and is_kept and not exists(lanes) then redis.call('HDEL', shares, uid) end
    end
end

local function add_load(uid, change)
    if uid == '' then return end
    local load = load_of(uid) + change
    set_load(uid, load)
    place(uid, known_loads[uid], on_line(uid, 'ZCARD'))
end

-- Place users of whom the load has changed where they wait in lanes, too.
local function place_in_lanes(uids)
    if #uids == 0 or not exists(lanes) then return end
    local there = lanes_there()
    table.insert(there, ANYWHERE)
    for _, name in ipairs(there) do
        enter(name)
        for _, uid in ipairs(uids) do
            if redis.call('ZSCORE', users, uid) or redis.call('SISMEMBER', capped, uid) == 1 then
                place(uid, load_of(uid), on_line(uid, 'ZCARD'))
            end
        end
    end
end

local function add_loads(changes, sign)
    local uids = {}
    enter(ANYWHERE)
    for uid in pairs(changes) do
        if uid ~= '' then table.insert(uids, uid) end
    end
    read_loads(uids)
    for _, uid in ipairs(uids) do add_load(uid, sign * changes[uid]) end
    write_loads()
    place_in_lanes(uids)
end

-- Count something for the user of an entry.
local function count_for(counts, uid)
    if uid ~= '' then counts[uid] = (counts[uid] or 0) + 1 end
end

-- Once in 2^29 turns, and where there is a turn that no node wrote, all begin anew.
local function begin_turns_anew()
    redis.call('DEL', turns)
    now, turns_taken = NEWCOMER, {}
    local entered, there = lane, lanes_there()
    table.insert(there, ANYWHERE)
    for _, name in ipairs(there) do
        enter(name)
        local placed = redis.call('ZRANGE', users, 0, -1, 'WITHSCORES')
        for number = 1, #placed, 2 do
            local level = math.floor((within(placed[number + 1], 0, 2 ^ 53) or 0) / TURN_MAX)
            redis.call('ZADD', users, level * TURN_MAX, placed[number])
        end
    end
    enter(entered)
end

-- Set a user's turn as he starts so many ids; `turn` is the one that he has. One who waits alone
-- takes nobody's turn.
local function take_turn(uid, turn, starts, is_alone)
    if virtual_now() > TURN_MAX - 2 ^ 40 then
        begin_turns_anew()
        turn = 0
    end
    now = math.max(now, turn) + 1
    local step = is_alone and 1 or math.floor(STEP * starts / share_of(uid))
    turns_taken[uid] = math.min(now + step, TURN_MAX - 1)
end

-- Store the turns that were taken, and the time; only the last users who started are remembered.
local function keep_turns()
    if not now then return end
    local turns_and_users = {}
    for uid, turn in pairs(turns_taken) do
        table.insert(turns_and_users, turn)
        table.insert(turns_and_users, uid)
    end
    if #turns_and_users > 0 then redis.call('ZADD', turns, unpack(turns_and_users)) end
    if redis.call('ZCARD', turns) > REMEMBERED_MAX then
        redis.call('ZREMRANGEBYRANK', turns, 0, -REMEMBERED_MAX - 1)
    end
    redis.call('ZADD', turns, now, NOW)
end

local function add_tokens(key, ids)
    local count = math.min(WAKE_MAX - redis.call('LLEN', key), ids)
    local tokens = {}
    for number = 1, count do tokens[number] = '1' end
    if count > 0 then redis.call('RPUSH', key, unpack(tokens)) end
end

-- Wake as many workers of each node that takes what has come into lanes: which of them is first, gets
-- it.
local function wake_in_lanes()
    if not next(free_in_lanes) then return end
    local nodes = redis.call('HKEYS', places)
    local found = #nodes > 0 and redis.call('HMGET', places, unpack(nodes)) or {}
    for number, node in ipairs(nodes) do
        local ids = 0
        for name, free in pairs(free_in_lanes) do
            if takes(found[number], name) then ids = ids + free end
        end
        add_tokens(wake .. ':' .. node, ids)
    end
    free_in_lanes = {}
end

-- Wake a waiting worker for each of so many ids, or for each that the users may start now who were
-- placed anew.
local function wake_up(ids)
    add_tokens(wake, math.max(ids, woken))
    wake_in_lanes()
end

-- Whether somebody is to be woken for users who were placed anew.
local function wakes_some() return woken > 0 or next(free_in_lanes) ~= nil end

-- Return an entry to the head of the first ones.
local function put_first(entry, ended)
    local _, uid, its_lane = parsed(entry)
    enter(its_lane or ANYWHERE)
    redis.call('LPUSH', first, entry)
    note_lane(1)
    if uid then count_for(ended, uid) end
end

-- Add ids to the lines of their users: for each line its name (see `enter_line`), the share of its
-- user ('' for the default), how many ids, and for each its score and itself.
local function add_to_lines(from)
    local at, added = from, 0
    while at <= #ARGV do
        local uid, share, count = enter_line(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
        local last = at + 2 + 2 * count
        for begin = at + 3, last, 1000 do
            on_line(uid, 'ZADD', unpack(ARGV, begin, math.min(begin + 999, last)))
        end
        if share ~= '' then
            redis.call('HSET', shares, uid, share)
            is_there[shares] = true
        elseif exists(shares) then
            redis.call('HDEL', shares, uid)
        end
        if not exists(capped) or redis.call('SISMEMBER', capped, uid) == 0 then
            -- Without ids, only the share is told of who may have some.
            place(uid, load_of(uid), count > 0 and count or on_line(uid, 'ZCARD'))
        end
        at = last + 1
        if lane == ANYWHERE then added = added + count else note_lane(count) end
    end
    wake_up(added)
end
