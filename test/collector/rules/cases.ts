import { BOOK_CASES } from './books.ts'
import type { Case } from './case.ts'
import { EVENT_CASES } from './events.ts'
import { OBJECTIVE_CASES } from './objectives.ts'
import { RATIO_CASES } from './ratios.ts'
import { SOURCE_CASES } from './sources.ts'
import { STALLED_CASES } from './stalled.ts'

export const CASES: readonly Case[] = [
  ...STALLED_CASES,
  ...EVENT_CASES,
  ...RATIO_CASES,
  ...OBJECTIVE_CASES,
  ...SOURCE_CASES,
  ...BOOK_CASES,
]
