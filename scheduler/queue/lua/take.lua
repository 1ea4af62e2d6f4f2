-- Move up to ARGV[1] ids to a node's in-flight list, and return their entries: the first ones, then
-- always the least id of the least user, then those that nodes of an earlier version enqueued.
-- KEYS: in-flight list, nodes, queue of earlier versions. ARGV: how many, node id, how many to look
-- at, how many ids may be in flight for users who have some already, '' for any number, and the place
-- of the node: its labels, '|', and of which a job must need one, '' where it has neither.
-- The node is registered first: `recover` finds an in-flight list only by its node.
-- What cannot be an id is dropped; the answer has '' for it. Where nothing is left to take, nobody
-- needs to be woken for what came before.
local inflight, nodes, earlier = unpack(KEYS, OWN + 1, OWN + 3)
local wanted, most = tonumber(ARGV[1]), tonumber(ARGV[3])
local busy_max, IDLE_LOOK = tonumber(ARGV[4]), 200
local taken, count, before = {}, 0, 0

local function take_from(list)
    local started, order = {}, {}
    while count < wanted and #taken < most do
        local entry = redis.call('LMOVE', list, inflight, 'LEFT', 'RIGHT')
        if not entry then break end
        local id, uid = parsed(entry)
        if id then
            count = count + 1
            table.insert(taken, entry)
            if uid ~= '' and not started[uid] then table.insert(order, uid) end
            count_for(started, uid)
        else
            redis.call('LREM', inflight, -1, entry)
            table.insert(taken, '')
        end
    end
    for _, uid in ipairs(order) do
        take_turn(uid, turn_of(uid), started[uid], false)
        add_load(uid, started[uid])
    end
end

local function score_of(text) return math.floor(within(text, 0, 2 ^ 53) or 0) end

-- How many more ids users may start who have some in flight; who has none may always start one.
local function room()
    return busy_max and busy_max - before - count or wanted
end

-- How many ids a user may start before the second one, if there is any, is the least.
local function starts_of(uid, score, second)
    local left = math.min(wanted - count, most - #taken, math.max(1, room()))
    local weight, load_max = share_of(uid)
    if load_max < LOAD_MAX then left = math.max(1, math.min(left, load_max - load_of(uid))) end
    if not second then return left end
    local level = math.floor(second / TURN_MAX)
    if level <= math.floor(score / TURN_MAX) then return 1 end
    return math.max(1, math.min(left, math.ceil(level * weight - load_of(uid))))
end

-- How many ids were the last ones of some users.
local last_starts, last_users = {}, {}
local function add_last_starts()
    read_loads(last_users)
    for _, uid in ipairs(last_users) do set_load(uid, load_of(uid) + last_starts[uid]) end
end

-- A user without ids has no place, and counts as an entry that is none: no node gave it to him.
local entries = {}
local function take_of(uid, turn, starts, is_alone)
    local popped, before = on_line(uid, 'ZPOPMIN', starts), #entries
    for number = 1, #popped, 2 do
        local entry = popped[number] .. '/' .. uid .. (lane == ANYWHERE and '' or '/' .. lane)
        local is_id = parsed(entry) and not string.find(popped[number], '/', 1, true)
        if is_id then table.insert(entries, entry) end
        table.insert(taken, is_id and entry or '')
    end
    local started = #entries - before
    count = count + started
    if #popped == 0 or uid == '' then
        redis.call('ZREM', users, uid)
        table.insert(taken, '')
        return
    end
    if started > 0 then take_turn(uid, turn, started, is_alone) end
    local left = #popped == 2 * starts and on_line(uid, 'ZCARD') or 0
    if left > 0 then
        local load = load_of(uid) + started
        set_load(uid, load)
        return place(uid, load, left)
    end
    redis.call('ZREM', users, uid)
    if not last_starts[uid] then table.insert(last_users, uid) end
    last_starts[uid] = (last_starts[uid] or 0) + started
end

-- The least user who has no id in flight. A user of a great weight who has some may be before him.
local function least_idle()
    local least = redis.call('ZRANGE', users, 0, IDLE_LOOK, 'WITHSCORES')
    local uids = {}
    for number = 1, #least, 2 do table.insert(uids, least[number]) end
    read_loads(uids)
    for number, uid in ipairs(uids) do
        if load_of(uid) + (last_starts[uid] or 0) == 0 then
            local score = score_of(least[2 * number])
            return uid, score, score
        end
    end
end

-- The users are read some at a time: who starts an id and has more of them mostly goes behind all
-- of these. `again` is the least score of those who do.
local ahead, at, again = {}, 1, nil
local function least_two()
    if not ahead[at + 3] or (again and again < score_of(ahead[at + 1])) then
        ahead = redis.call('ZRANGE', users, 0, wanted - count, 'WITHSCORES')
        at, again = 1, nil
    end
    if #ahead == 0 then return nil end
    if room() < 1 then return least_idle() end
    local second = ahead[at + 3] and score_of(ahead[at + 3])
    if again and second then second = math.min(again, second) end
    at = at + 2
    return ahead[at - 2], score_of(ahead[at - 1]), second
end

-- From one lane: that is the rule.
local function take_of_one()
    while count < wanted and #taken < most do
        local uid, score, second = least_two()
        if not uid then break end
        local placed = take_of(uid, score % TURN_MAX, starts_of(uid, score, second), not second)
        if placed then again = math.min(placed, again or placed) end
    end
end

-- From several: always from the one whose least user is the least of all.
local function least_in(name)
    enter(name)
    if room() < 1 then return least_idle() end
    local least = redis.call('ZRANGE', users, 0, 0, 'WITHSCORES')
    return least[1], score_of(least[2])
end

-- A user who waits in other lanes, too, is placed anew there: he runs one more.
local function take_of_several(names)
    while count < wanted and #taken < most do
        local from, least_uid, least_score
        for _, name in ipairs(names) do
            local uid, score = least_in(name)
            if uid and (not from or score < least_score) then
                from, least_uid, least_score = name, uid, score
            end
        end
        if not from then break end
        enter(from)
        take_of(least_uid, least_score % TURN_MAX, 1, false)
        for _, name in ipairs(names) do
            enter(name)
            if name ~= from and redis.call('ZSCORE', users, least_uid) then
                local load = load_of(least_uid) + (last_starts[least_uid] or 0)
                place(least_uid, load, on_line(least_uid, 'ZCARD'))
            end
        end
    end
end

-- The lanes from which this node takes.
local own, its_lanes = ARGV[5] or '', {}
if own == '' or takes(own, ANYWHERE) then its_lanes = { ANYWHERE } end
if own ~= '' then
    redis.call('HSET', places, ARGV[2], own)
    for _, name in ipairs(lanes_there()) do
        if takes(own, name) then table.insert(its_lanes, name) end
    end
end

redis.call('SADD', nodes, ARGV[2])
for _, name in ipairs(its_lanes) do
    enter(name)
    take_from(first)
end
if busy_max then before = all_loads() - count end
if #its_lanes == 1 then
    take_of_one()
else
    take_of_several(its_lanes)
end
add_last_starts()
if #entries > 0 then redis.call('RPUSH', inflight, unpack(entries)) end
enter(ANYWHERE)
if its_lanes[1] == ANYWHERE then take_from(earlier) end
write_loads()
local started = {}
for uid in pairs(turns_taken) do table.insert(started, uid) end
place_in_lanes(started)
for _, name in ipairs(its_lanes) do
    enter(name)
    if name ~= ANYWHERE then leave_if_empty() end
end
keep_turns()
if #taken == 0 then
    if its_lanes[1] == ANYWHERE then redis.call('DEL', wake) end
    if own ~= '' then redis.call('DEL', wake .. ':' .. ARGV[2]) end
end
if wakes_some() then wake_up(0) end
return taken
