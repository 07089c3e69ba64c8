// What the reference must refuse: exports and methods without a docstring. A comment like this one is none.
export const naked = 1;

/** Documented, but for one method. */
export class Half {
  /** Documented. */
  said(): void {
    this.#hidden();
  }

  // Not for users.
  unsaid(): void {
    this.said();
  }

  /** @internal */
  inner(): void {
    this.unsaid();
  }

  #hidden(): void {}
}
