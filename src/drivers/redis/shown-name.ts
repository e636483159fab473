/** What stands for every command that is not known by name. */
export const OTHER = 'other'

/**
 * Commands of Redis that write, or call what may, and those of its usual modules, as of Redis 8.4. A fixed list, as names
 * of rows become labels, and a list by prefix would let `JSON.<anything>` pass.
 */
const KNOWN = new Set(
  `append bitfield bitop copy decr decrby del delex eval eval_ro evalsha evalsha_ro exec expire expireat fcall fcall_ro
  flushall flushdb function geoadd georadius georadiusbymember geosearchstore getdel getex getset hdel hexpire hexpireat
  hgetdel hgetex hincrby hincrbyfloat hmset hpersist hpexpire hpexpireat hset hsetex hsetnx incr incrby incrbyfloat
  linsert lmove lmpop lpop lpush lpushx lrem lset ltrim migrate move mset msetex msetnx multi persist pexpire pexpireat
  pfadd pfcount pfdebug pfmerge ping psetex publish rename renamenx restore restore-asking rpop rpoplpush rpush rpushx sadd
  script sdiffstore set setbit setex setnx setrange sinterstore smove sort spop spublish srem sunionstore swapdb touch unlink
  vadd vrem vsetattr xack xackdel xadd xautoclaim xcfgset xclaim xdel xdelex xgroup xsetid xtrim zadd zdiffstore zincrby
  zinterstore zmpop zpopmax zpopmin zrangestore zrem zremrangebylex zremrangebyrank zremrangebyscore zunionstore
  json.arrappend json.arrinsert json.arrpop json.arrtrim json.clear json.del json.forget json.merge json.mset
  json.numincrby json.nummultby json.numpowby json.set json.strappend json.toggle
  bf.add bf.insert bf.loadchunk bf.madd bf.reserve
  cf.add cf.addnx cf.del cf.insert cf.insertnx cf.loadchunk cf.reserve
  cms.incrby cms.initbydim cms.initbyprob cms.merge topk.add topk.incrby topk.reserve
  tdigest.add tdigest.create tdigest.merge tdigest.reset
  ts.add ts.alter ts.create ts.createrule ts.decrby ts.del ts.deleterule ts.incrby ts.madd
  ft.aliasadd ft.aliasdel ft.aliasupdate ft.alter ft.create ft.dictadd ft.dictdel ft.dropindex ft.sugadd ft.sugdel
  ft.synupdate`.split(/\s+/),
)

/** The name of a command as spans and metrics may show it. @param name in lower case */
export function shownName(name: string): string {
  return KNOWN.has(name) ? name : OTHER
}
