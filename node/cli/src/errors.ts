/** A failure that the user is told in these words alone, without a stack. Exit code 1. */
export class UserError extends Error {
  override readonly name = "UserError";
}

/** The two-part message of the reference: what failed, and why. */
export const failedTo = (what: string, why: unknown) =>
  new UserError(`Failed to ${what}.\n\nThe error was: ${why instanceof Error ? why.message : String(why)}`);

export const NOT_PART_OF_A_CLUSTER = `The node is not part of a Kubernetes cluster. You can bootstrap a new cluster with:

  sudo k8s bootstrap`;
export const ALREADY_PART_OF_A_CLUSTER = "The node is already part of a cluster";
