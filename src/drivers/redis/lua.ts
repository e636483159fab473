/** Carries out a command for arguments `from` to `to` of `list`, in portions that fit Lua's stack. */
export const CALL = `local function call(command, list, from, to)
for i = from, to, 1000 do redis.call(command, KEYS[1], unpack(list, i, math.min(i + 999, to))) end end
`

/**
 * `older(a, b)`. Numbers are compared as their decimal texts, since those of Lua have 53 bits: by sign, by the place of the first
 * digit, then digit by digit. Other texts are compared byte by byte, as `<` would ask the locale of the server; they are newer than
 * numbers.
 */
export const OLDER = `local function number(text)
local sign, whole, rest = string.match(text, '^(%-?)(%d+)(.*)$')
if not sign then return nil end
local fraction, exponent = '', 0
if string.find(rest, '^%.%d') then fraction, rest = string.match(rest, '^%.(%d+)(.*)$') end
if string.find(rest, '^[eE][+-]?%d+$') then exponent, rest = tonumber(string.sub(rest, 2)), '' end
if rest ~= '' then return nil end
local zeros, digits = string.match(whole .. fraction, '^(0*)(.-)0*$')
if digits == '' then return 0, 0, '' end
return sign == '-' and -1 or 1, #whole - #zeros + exponent, digits
end
local function less(a, b)
for i = 1, math.min(#a, #b) do
local x, y = string.byte(a, i), string.byte(b, i)
if x ~= y then return x < y end
end
return #a < #b
end
local function older(a, b)
local sign, place, digits = number(a)
local other, there, others = number(b)
if not sign or not other then
if sign or other then return sign ~= nil end
return less(a, b)
end
if sign ~= other then return sign < other end
if sign < 0 then place, digits, there, others = there, others, place, digits end
if place ~= there then return place < there end
return less(digits, others)
end
`

/**
 * `sum(a, b)` of decimal texts, without rounding, and nil where one of them is none: HINCRBY ends at 64 bits, and HINCRBYFLOAT rounds.
 * Needs `less`.
 */
export const SUM = `local function parts(text)
local sign, whole, point, fraction = string.match(text, '^([+-]?)(%d+)(%.?)(%d*)$')
if not sign or (point == '') ~= (fraction == '') or #text > 1100 then return nil end
return sign == '-', whole, fraction
end
local function sum(a, b)
local negative, whole, fraction = parts(a)
local opposite, other, rest = parts(b)
if not whole or not other then return nil end
if fraction .. rest == '' and #whole < 16 and #other < 16 then return string.format('%.0f', tonumber(a) + tonumber(b) + 0) end
local scale, size = math.max(#fraction, #rest), math.max(#whole, #other)
local x = string.rep('0', size - #whole) .. whole .. fraction .. string.rep('0', scale - #fraction)
local y = string.rep('0', size - #other) .. other .. rest .. string.rep('0', scale - #rest)
local step = negative == opposite and 1 or -1
if step < 0 and less(x, y) then x, y, negative = y, x, opposite end
local digits, carry = {}, 0
for i = #x, 1, -1 do
local digit = string.byte(x, i) - 48 + step * (string.byte(y, i) - 48) + carry
carry = math.floor(digit / 10)
digits[i] = digit - 10 * carry
end
local text = (carry > 0 and '1' or '0') .. table.concat(digits)
local front = string.match(string.sub(text, 1, size + 1), '^0*(%d+)$')
local back = string.match(string.sub(text, size + 2), '^(.-)0*$')
if front == '0' and back == '' then return '0' end
return (negative and '-' or '') .. front .. (back == '' and '' or '.' .. back)
end
`
