/** Where a page leads, and what can be led to. */
export interface Link {
  /** Relative to the page; empty for the page itself. */
  readonly file: string
  /** A heading there; empty for its top. */
  readonly anchor: string
}

/** Links to files and headings of ours; those to the web are left out. */
export function linksOf(markdown: string): Link[] {
  const links = withoutCode(markdown).matchAll(/\]\((?![a-z]+:)([^)#]*)#?([^)]*)\)/g)
  return Array.from(links, ([, file = '', anchor = '']) => ({ file, anchor }))
}

/** The anchors of a page's headings, in their order. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutCode(markdown).matchAll(/^#+ +(.+)$/gm)) {
    const anchor = slugOf(heading.replace(/\[(.+?)\]\(.+?\)/g, '$1'))
    let name = anchor
    for (let again = 1; anchors.has(name); again++) name = `${anchor}-${again}`
    anchors.add(name)
  }
  return anchors
}

/** The anchor of a heading, as GitHub makes it; the site makes the same. */
export function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number}_ -]/gu, '')
    .replaceAll(' ', '-')
}

function withoutCode(markdown: string): string {
  return markdown.replace(/^ *```[\s\S]*?^ *```$/gm, '')
}
