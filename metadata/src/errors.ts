/** A file that cannot be used as what it claims to be. `key` is the dotted path to the culprit, where there is one. */
export class MetadataError extends Error {
  override readonly name = "MetadataError";
  readonly file: string;
  readonly key: string | undefined;
  /** The bare reason, in Juju's words where Juju has some. */
  readonly reason: string;

  constructor(
    file: string,
    reason: string,
    { key, cause }: { key?: string | undefined; cause?: unknown } = {},
  ) {
    super(`${file}: ${key ? `${key}: ` : ""}${reason}`, cause === undefined ? {} : { cause });
    this.file = file;
    this.key = key;
    this.reason = reason;
  }
}
