/** One entry of apt's sources: a line of a .list file, or a stanza of a .sources file. */
export interface AptEntry {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Paths of keyrings, fingerprints, or a key itself. Undefined if the entry has no Signed-By. */
  readonly signedBy: string | undefined;
}

/** Parses apt's one-line format (`sources.list`, `*.list`). Skips lines that are not entries; apt reports those itself. */
export function parseListFile(text: string): AptEntry[] {
  const entries: AptEntry[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s*)?([^#]+)/.exec(line);
    if (match === null) continue;
    const [uri, suite, ...components] = words(match[2] ?? '');
    if (uri === undefined || suite === undefined) continue;
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(match[1] ?? '')?.[1];
    entries.push({ uris: [uri], suites: [suite], components, signedBy });
  }
  return entries;
}

/** Parses apt's deb822 format (`*.sources`): stanzas of `Field: value`, with values continued in indented lines. */
export function parseSourcesFile(text: string): AptEntry[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  const stanzas = lines.join('\n').split(/\n[ \t\r]*(?:\n[ \t\r]*)*\n/);
  return stanzas.flatMap((stanza) => {
    const fields = new Map<string, string>();
    for (const match of stanza.matchAll(/^([A-Za-z][A-Za-z0-9-]*):(.*(?:\n[ \t].*)*)/gm)) {
      fields.set((match[1] ?? '').toLowerCase(), (match[2] ?? '').trim());
    }
    const list = (field: string): string[] => words(fields.get(field) ?? '');
    const off = /^(no|false|without|off|disable)$/i.test(fields.get('enabled') ?? '');
    if (off || list('uris').length === 0 || list('suites').length === 0) return [];
    return [
      {
        uris: list('uris'),
        suites: list('suites'),
        components: list('components'),
        signedBy: fields.get('signed-by'),
      },
    ];
  });
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
