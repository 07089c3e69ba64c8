/** A failure that the API answers with this code; any other error is answered with 500. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What the reference has and this daemon does not have yet; never half done, always said. */
export const notImplemented = (what: string) =>
  new ApiError(501, `${what} is not implemented in this version of the cantrip node package`);

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
