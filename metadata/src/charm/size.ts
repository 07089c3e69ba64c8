const units = ["M", "G", "T", "P", "E", "Z", "Y"];

/** A size such as `512`, `8G`, `1.5GiB` in MiB (no suffix means M), or undefined if it is none. */
export function parseSizeMiB(text: string): number | undefined {
  const found = /^(\d{1,15}(?:\.\d{1,9})?)(?:([MGTPEZY])(?:i?B)?)?$/.exec(text);
  if (found === null) return undefined;
  return Math.ceil(Number(found[1]) * 1024 ** units.indexOf(found[2] ?? "M"));
}
