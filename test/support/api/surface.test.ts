import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digest, surfaceOf } from './surface.ts'

const api = suite('surface')

const CORE = `## API Report

\`\`\`ts

// @public
export interface Shared {
    readonly name: string;
}

\`\`\``

const DRIVER = `## API Report

\`\`\`ts

import { Buffer } from 'node:buffer';
import { Writable } from 'node:stream';

// @public (undocumented)
class Hidden {
    // (undocumented)
    out: Writable;
}

// @public
export function open(a: string): Slice;

// @public (undocumented)
export function open(a: number): Shared;

// @public (undocumented)
interface Shared {
    // (undocumented)
    readonly name: string;
}

// @public
interface Slice {
    // (undocumented)
    bytes: Buffer;
}

// (No @packageDocumentation comment for this package)

\`\`\``

const OPEN = 'export function open(a: string): Slice;\n\nexport function open(a: number): Shared;'
const SLICE = 'interface Slice {\n    bytes: Buffer;\n}'

api('what is exported is told with the types one meets there, and nothing else', () => {
  const shared = 'interface Shared {\n    readonly name: string;\n}'
  const expected = ["import { Buffer } from 'node:buffer';", OPEN, shared, SLICE].join('\n\n')
  assert.is(digest(surfaceOf(DRIVER)), expected)
})

api('what the core exports is told in its report only', () => {
  const told = digest(surfaceOf(DRIVER), surfaceOf(CORE))
  assert.is(told, ["import { Buffer } from 'node:buffer';", OPEN, SLICE].join('\n\n'))
})

api('a type of the same name as one of the core, but another, is told', () => {
  const told = digest(surfaceOf(DRIVER), surfaceOf(CORE.replace('string', 'number')))
  assert.match(told, 'interface Shared')
})

api('a report that cannot be read is an error', () => {
  assert.throws(() => surfaceOf('# nothing'), /no report/)
  assert.throws(() => surfaceOf('```ts\n\n// @public\nexport default 1;\n\n```'), /without a name/)
})

api.run()
