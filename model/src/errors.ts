export type ModelErrorCode =
  | "not found"
  | "already exists"
  | "bad request"
  | "not valid"
  | "not supported"
  | "not implemented"
  | "unauthorized access"
  | "forbidden"
  | "quota limit exceeded"
  | "machine has assigned units"
  | "unit has subordinates"
  | "incompatible base";

/** A command that the model refuses: the code and the words are Juju's, the state is as it was. */
export class ModelError extends Error {
  override readonly name = "ModelError";
  readonly code: ModelErrorCode;

  constructor(code: ModelErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
