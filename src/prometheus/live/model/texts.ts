/** Every word of the page, in both languages. What the dashboards show, too, is called the same there and here. */

export const LANGUAGES = ['en', 'zh'] as const

export type Language = (typeof LANGUAGES)[number]

export interface Text {
  readonly en: string
  readonly zh: string
}

export const TEXTS = {
  title: { en: 'BatchFlow', zh: 'BatchFlow' },
  language: { en: '中文', zh: 'English' },
  theme: { en: 'Dark or light', zh: '深色或浅色' },
  lostTitle: { en: 'not reachable', zh: '无法访问' },
  lost: { en: 'The process is not reachable; trying again …', zh: '无法访问该进程，正在重试……' },
  asOf: { en: 'as of', zh: '更新于' },
  hint: {
    en: 'Straight from this process, every two seconds. Figures are of the last minute, charts of the last ten while this page is open.',
    zh: '数据直接来自本进程，每两秒更新一次。数值统计最近一分钟，图表显示页面打开后的最近十分钟。',
  },
  nothing: { en: 'none', zh: '没有' },
  unknown: { en: 'no data', zh: '无数据' },
  others: { en: 'others', zh: '其他' },
  latest: { en: 'latest values', zh: '最新值' },
  seconds: { en: 's', zh: '秒' },

  vitals: { en: 'Is it healthy?', zh: '是否健康？' },
  standing: { en: 'Tables that stand still', zh: '停滞的表' },
  oldest: { en: 'Oldest row', zh: '最老的行' },
  paused: { en: 'Waiting for a database', zh: '等待数据库' },
  succeeded: { en: 'Batches that succeeded', zh: '批次成功率' },
  committed: { en: 'Rows committed', zh: '提交行速率' },
  failed: { en: 'Rows not committed', zh: '未提交的行数' },
  p99: { en: 'Execute P99', zh: '执行耗时 P99' },
  retried: { en: 'Attempts that were retried', zh: '重试的尝试占比' },

  rows: { en: 'Rows per second by table', zh: '各表写入速率' },
  execute: { en: 'Execute duration', zh: '执行耗时' },
  queue: { en: 'Queue length', zh: '队列长度' },
  slots: { en: 'In-flight batches and slots', zh: '在途批次与槽位' },
  failures: { en: 'Failures per second by reason', zh: '各原因的失败速率' },
  lag: { en: 'Lag by partition', zh: '各分区积压' },
  inflight: { en: 'in flight', zh: '在途' },
  slotsUsed: { en: 'slots in use', zh: '已用槽位' },
  slotsAll: { en: 'slots', zh: '槽位' },

  stages: { en: 'Where the time goes', zh: '时间花在哪里' },
  stage: { en: 'Stage', zh: '阶段' },
  enqueueStage: { en: 'Enqueue latency', zh: '入队延迟' },
  dequeueStage: { en: 'Wait for the batch', zh: '等待成批时间' },
  assembleStage: { en: 'Assemble duration', zh: '攒批耗时' },
  executeStage: { en: 'Execute duration', zh: '执行耗时' },
  processStage: { en: 'Process duration', zh: '处理耗时' },

  reasons: { en: 'Failures since the process started', zh: '进程启动以来的失败' },
  reason: { en: 'Reason', zh: '原因' },
  table: { en: 'Table', zh: '表' },
  count: { en: 'Count', zh: '次数' },
  outages: { en: 'Outages by reason', zh: '按原因统计的数据库中断' },
  database: { en: 'Database', zh: '数据库' },

  batches: { en: 'Latest batches that failed or were slow', zh: '最近失败或缓慢的批次' },
  batchesHint: {
    en: 'Sampled ones only: the latest that failed, and the slowest of the last ten minutes.',
    zh: '仅含被采样的批次：最近失败的，以及最近十分钟内最慢的。',
  },
  time: { en: 'Time', zh: '时间' },
  outcome: { en: 'Outcome', zh: '结果' },
  success: { en: 'committed', zh: '已提交' },
  took: { en: 'Took', zh: '耗时' },
  trace: { en: 'Trace', zh: '链路' },
} as const satisfies Record<string, Text>

export type TextName = keyof typeof TEXTS

/** How things are, in a word and in a sentence. */
export const HEALTH = {
  empty: [
    { en: 'nothing yet', zh: '尚无数据' },
    { en: 'No flow with a reporter has been opened in this process.', zh: '本进程中尚未打开带有指标上报的 flow。' },
  ],
  waiting: [
    { en: 'unreachable', zh: '数据库不可用' },
    {
      en: 'The database takes no batch now: it is out of reach, read-only or full. Rows are kept and wait.',
      zh: '当前数据库无法写入（不可达、只读或空间不足）。相关的行保留在缓冲中等待。',
    },
  ],
  stalled: [
    { en: 'stalled', zh: '停滞' },
    { en: 'Rows of a table wait while none is settled.', zh: '有表的行在等待而没有任何行完成。' },
  ],
  failing: [
    { en: 'failing', zh: '有失败' },
    { en: 'Rows were given up within the last minute.', zh: '最近一分钟内有行被最终放弃。' },
  ],
  writing: [
    { en: 'writing', zh: '写入中' },
    { en: 'Rows are being written.', zh: '正在写入数据。' },
  ],
  idle: [
    { en: 'idle', zh: '空闲' },
    { en: 'Nothing waits to be written.', zh: '没有待写入的行。' },
  ],
} as const satisfies Record<string, readonly [word: Text, sentence: Text]>

/** The language of a browser that prefers `tags`, the most wanted first. */
export function languageOf(tags: readonly string[]): Language {
  return tags.map((tag) => LANGUAGES.find((language) => tag.toLowerCase().startsWith(language))).find(Boolean) ?? 'en'
}
