/** A heading of the sidebar, and its pages: what each is called, and its file without `.md`. */
export type Group = readonly [text: string, pages: readonly (readonly [text: string, page: string])[]]

export const english: readonly Group[] = [
  [
    'Start',
    [
      ['Introduction', 'index'],
      ['Guide', 'guide'],
      ['Tables and your schema', 'schema'],
      ['Command line', 'cli'],
      ['Comparison', 'comparison'],
      ['Coming from Go', 'coming-from-go'],
    ],
  ],
  [
    'Running it',
    [
      ['In production', 'production'],
      ['When things break', 'reliability'],
      ['Past one process', 'scale'],
      ['A local spool', 'spool'],
      ['Performance', 'performance'],
      ['Testing your service', 'testing'],
    ],
  ],
  [
    'Seeing it',
    [
      ['Monitoring', 'monitoring'],
      ['Metrics', 'metrics'],
      ['Tracing', 'tracing'],
      ['Runbook', 'runbook'],
    ],
  ],
  [
    'Reference',
    [
      ['API', 'api/'],
      ['Options', 'options'],
      ['Errors', 'errors'],
      ['Backends', 'backends'],
      ['Questions and troubles', 'faq'],
    ],
  ],
]

export const chinese: readonly Group[] = [
  [
    '开始',
    [
      ['简介', 'index'],
      ['指南', 'guide'],
      ['表与已有的 schema', 'schema'],
      ['命令行', 'cli'],
      ['方案对比', 'comparison'],
      ['从 Go 库迁移', 'coming-from-go'],
    ],
  ],
  [
    '运行',
    [
      ['生产环境', 'production'],
      ['可靠性', 'reliability'],
      ['跨进程', 'scale'],
      ['本地 spool', 'spool'],
      ['性能', 'performance'],
      ['测试你的服务', 'testing'],
    ],
  ],
  [
    '观测',
    [
      ['监控快速上手', 'monitoring-quickstart'],
      ['监控配方', 'recipes'],
      ['指标', 'metrics'],
      ['链路追踪', 'tracing'],
      ['告警处理手册', 'runbook'],
    ],
  ],
  [
    '参考',
    [
      ['错误', 'errors'],
      ['后端', 'backends'],
      ['常见问题', 'faq'],
    ],
  ],
]
