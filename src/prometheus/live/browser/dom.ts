type Child = Node | string

/** An element. What the process tells goes in as text and attributes, never as markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/** Changes the text only where it differs, so that a reader of the screen is told once. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}
