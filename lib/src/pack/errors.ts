/** A charm's source that cannot be packed: which file, which key in it, and what to do. */
export class PackError extends Error {
  override readonly name = "PackError";
  readonly file: string;
  readonly key: string | undefined;

  constructor(
    file: string,
    reason: string,
    { key, cause }: { key?: string | undefined; cause?: unknown } = {},
  ) {
    super(
      `Cannot pack ${file}: ${key === undefined ? "" : `${key}: `}${reason}`,
      cause === undefined ? {} : { cause },
    );
    this.file = file;
    this.key = key;
  }
}
