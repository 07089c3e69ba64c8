/** The text in parts of at most `limit` bytes of UTF-8 each, no character cut in two. An empty text is one empty part. */
export function splitText(text: string, limit: number): string[] {
  if (text.length * 3 <= limit) return [text];
  const parts: string[] = [];
  let rest = Buffer.from(text);
  while (rest.length > limit) {
    const end = characterStart(rest, limit);
    parts.push(rest.subarray(0, end).toString());
    rest = rest.subarray(end);
  }
  return [...parts, rest.toString()];
}

/** The largest place at or before `end` where a character begins: bytes 10xxxxxx continue one. */
function characterStart(bytes: Buffer, end: number): number {
  let place = end;
  while (place > 0 && ((bytes[place] ?? 0) & 0xc0) === 0x80) place -= 1;
  return place === 0 ? end : place;
}
